//! The tables as they are made for local use, on the embedded `DynamoDB`.

mod common;

use aws_adapters::tables;
use aws_sdk_dynamodb::types::KeySchemaElement;

#[tokio::test]
async fn tables_can_be_made_twice_and_are_as_specified() {
    let client = common::dynamodb().await;
    for _ in 0..2 {
        tables::create_tables(&client, "local-").await.unwrap();
    }
    for spec in tables::tables() {
        let name = format!("local-{}", spec.name);
        let table = client
            .describe_table()
            .table_name(&name)
            .send()
            .await
            .unwrap()
            .table
            .unwrap();
        let keys: Vec<_> = table
            .key_schema()
            .iter()
            .map(KeySchemaElement::attribute_name)
            .collect();
        assert_eq!(keys, ["pk", "sk"]);
        let stream = table
            .stream_specification
            .is_some_and(|stream| stream.stream_enabled);
        assert_eq!(stream, spec.new_image_stream, "{name}");
        let indexes = table.global_secondary_indexes.unwrap_or_default();
        let indexes: Vec<_> = (indexes.iter())
            .map(|index| {
                let keys = index.key_schema().iter();
                let keys: Vec<_> = keys.map(KeySchemaElement::attribute_name).collect();
                (index.index_name.as_deref().unwrap(), keys)
            })
            .collect();
        let expected: Vec<_> = (spec.indexes.iter())
            .map(|index| (index.name, vec![index.partition, index.sort]))
            .collect();
        assert_eq!(indexes, expected, "{name}");
        let ttl = client
            .describe_time_to_live()
            .table_name(&name)
            .send()
            .await
            .unwrap();
        let attribute = ttl
            .time_to_live_description
            .and_then(|ttl| ttl.attribute_name);
        assert_eq!(attribute.as_deref(), spec.ttl_attribute, "{name}");
    }
}
