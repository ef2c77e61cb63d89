//! Defaults, ranges and messages of the settings.

use super::*;

fn read(set: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    let find = |name: &str| set.iter().find(|(set, _)| *set == name);
    Settings::read(|name| find(name).map(|(_, value)| (*value).to_owned()))
}

const SERVERS: (&str, &str) = (
    "KAFKA_BOOTSTRAP_SERVERS",
    "b-1.example:9098,b-2.example:9098",
);

fn problems(set: &[(&str, &str)]) -> Vec<String> {
    let error = read(set).unwrap_err();
    error.problems.iter().map(ToString::to_string).collect()
}

#[test]
fn the_defaults_are_safe_ones() {
    let settings = read(&[SERVERS]).unwrap();
    assert_eq!(
        settings,
        Settings {
            bootstrap_servers: SERVERS.1.to_owned(),
            security: Security::Plaintext,
            client_id: "tailrace".to_owned(),
            acks: Acks::All,
            idempotence: true,
            compression: Compression::Gzip,
            linger: Duration::from_millis(10),
            batch_bytes: 16 * 1024,
            retries: 3,
            request_timeout: Duration::from_secs(30),
            message_timeout: Duration::from_mins(2),
            event_bytes_max: 1_000_000,
        }
    );
}

#[test]
fn every_setting_can_be_set() {
    let settings = read(&[
        SERVERS,
        ("KAFKA_CLIENT_ID", "relay"),
        ("KAFKA_ACKS", "1"),
        ("KAFKA_IDEMPOTENCE", "false"),
        ("KAFKA_COMPRESSION", "lz4"),
        ("KAFKA_LINGER_MS", "0"),
        ("KAFKA_BATCH_BYTES", "65536"),
        ("KAFKA_RETRIES", "0"),
        ("KAFKA_REQUEST_TIMEOUT_MS", "5000"),
        ("KAFKA_MESSAGE_TIMEOUT_MS", "6000"),
        ("KAFKA_EVENT_BYTES_MAX", "8388608"),
    ])
    .unwrap();
    assert_eq!(
        settings,
        Settings {
            bootstrap_servers: SERVERS.1.to_owned(),
            security: Security::Plaintext,
            client_id: "relay".to_owned(),
            acks: Acks::Leader,
            idempotence: false,
            compression: Compression::Lz4,
            linger: Duration::ZERO,
            batch_bytes: 65_536,
            retries: 0,
            request_timeout: Duration::from_secs(5),
            message_timeout: Duration::from_secs(6),
            event_bytes_max: 8_388_608,
        }
    );
}

#[test]
fn all_problems_are_told_at_once() {
    let found = problems(&[
        ("KAFKA_ACKS", "2"),
        ("KAFKA_IDEMPOTENCE", "yes"),
        ("KAFKA_COMPRESSION", "zstd"),
        ("KAFKA_LINGER_MS", "-1"),
        ("KAFKA_BATCH_BYTES", "0"),
        ("KAFKA_RETRIES", "11"),
        ("KAFKA_REQUEST_TIMEOUT_MS", "30s"),
        ("KAFKA_MESSAGE_TIMEOUT_MS", "900001"),
        ("KAFKA_EVENT_BYTES_MAX", "1023"),
        ("KAFKA_CLIENT_ID", "a b"),
    ]);
    assert_eq!(
        found,
        [
            "KAFKA_BOOTSTRAP_SERVERS is not set; it has to be `host:port`, several separated by commas",
            "KAFKA_CLIENT_ID is \"a b\"; it has to be at most 200 of letters, digits, `.`, `_` and `-`",
            "KAFKA_ACKS is \"2\"; it has to be `all` or `1` or `0`",
            "KAFKA_IDEMPOTENCE is \"yes\"; it has to be `true` or `false`",
            "KAFKA_COMPRESSION is \"zstd\"; it has to be `gzip` or `snappy` or `lz4` or `none`",
            "KAFKA_LINGER_MS is \"-1\"; it has to be a whole number of milliseconds from 0 to 60000",
            "KAFKA_BATCH_BYTES is \"0\"; it has to be a whole number of bytes from 1 to 1048576",
            "KAFKA_RETRIES is \"11\"; it has to be a whole number of retries from 0 to 10",
            "KAFKA_REQUEST_TIMEOUT_MS is \"30s\"; it has to be a whole number of milliseconds from 100 to 240000",
            "KAFKA_MESSAGE_TIMEOUT_MS is \"900001\"; it has to be a whole number of milliseconds from 1000 to 900000",
            "KAFKA_EVENT_BYTES_MAX is \"1023\"; it has to be a whole number of bytes from 1024 to 8388608",
        ]
    );
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    let found = problems(&[
        SERVERS,
        ("KAFKA_ACKS", "1"),
        ("KAFKA_MESSAGE_TIMEOUT_MS", "30000"),
    ]);
    assert_eq!(
        found,
        [
            "KAFKA_ACKS is \"1\"; it has to be `all` as long as KAFKA_IDEMPOTENCE is `true`",
            "KAFKA_MESSAGE_TIMEOUT_MS is \"30000\"; it has to be at least 30010, which is KAFKA_LINGER_MS and \
             KAFKA_REQUEST_TIMEOUT_MS together",
        ]
    );
}

#[test]
fn servers_need_a_host_and_a_port() {
    for servers in [
        "a",
        "a:",
        ":1",
        "a:0",
        "a:1,",
        "a:65536",
        "a b:1",
        "http://a:1/",
    ] {
        let found = problems(&[("KAFKA_BOOTSTRAP_SERVERS", servers)]);
        assert_eq!(found.len(), 1, "{servers}: {found:?}");
    }
    for servers in ["a:1", "127.0.0.1:9092", "[::1]:9092", "a-b.c_d:1,e:2"] {
        assert!(read(&[("KAFKA_BOOTSTRAP_SERVERS", servers)]).is_ok());
    }
}

#[cfg(feature = "msk-iam-admin")]
#[test]
fn iam_takes_the_region_of_the_cluster_or_of_the_function() {
    let iam = ("KAFKA_SECURITY", "msk-iam");
    let region = |set: &[(&str, &str)]| match read(set).unwrap().security {
        Security::MskIam { region, ca_file } => (region, ca_file),
        Security::Plaintext => panic!("not IAM"),
    };
    let own = ("AWS_REGION", "eu-central-1");
    assert_eq!(
        region(&[SERVERS, iam, own]),
        ("eu-central-1".to_owned(), None)
    );
    let other = ("KAFKA_REGION", "eu-west-1");
    let ca_file = ("KAFKA_CA_FILE", "ca.pem");
    assert_eq!(
        region(&[SERVERS, iam, own, other, ca_file]),
        ("eu-west-1".to_owned(), Some("ca.pem".to_owned()))
    );
    assert_eq!(
        problems(&[SERVERS, iam]),
        [
            "AWS_REGION is not set; it has to be the region of the MSK cluster, such as `eu-central-1`"
        ]
    );
}

#[cfg(not(feature = "msk-iam-admin"))]
#[test]
fn iam_is_refused_by_a_build_without_it() {
    let found = problems(&[
        SERVERS,
        ("KAFKA_SECURITY", "msk-iam"),
        ("AWS_REGION", "eu-central-1"),
    ]);
    assert_eq!(
        found,
        [
            "KAFKA_SECURITY is \"msk-iam\"; it has to be `plaintext`: this binary was built without the feature `msk-iam`"
        ]
    );
}
