//! Keys go where Kafka's own default partitioner puts them.

use std::collections::BTreeMap;

use super::*;

/// The vectors of `UtilsTest.testMurmur2` in Apache Kafka: keys and their hashes.
const VECTORS: [(&str, i32); 6] = [
    ("21", -973_932_308),
    ("foobar", -790_332_482),
    ("a-little-bit-long-string", -985_981_536),
    ("a-little-bit-longer-string", -1_486_304_829),
    (
        "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8",
        -58_897_971,
    ),
    ("abc", 479_470_107),
];

#[tokio::test(flavor = "multi_thread")]
async fn keys_go_to_the_partitions_of_kafkas_own_vectors() {
    for partitions in [2, 7, 12, 64] {
        let kafka = Kafka::with_partitions(partitions);
        let events: Vec<_> = VECTORS.iter().map(|(key, _)| event(key, 1)).collect();
        publish(&kafka.producer(), &events).await.unwrap();
        let records = kafka.records().await.into_iter();
        let found: BTreeMap<_, _> = records
            .map(|record| (text(record.key), record.partition))
            .collect();
        let expected: BTreeMap<_, _> = VECTORS
            .iter()
            .map(|(key, hash)| ((*key).to_owned(), (hash & 0x7fff_ffff) % partitions))
            .collect();
        assert_eq!(found, expected, "{partitions} partitions");
    }
}
