//! Measures what a write costs as a stream grows: `cargo run --example stream_cost -- 20000`.
//!
//! It writes to the engine as it is and to the one that this crate starts, one item after the other, and prints the
//! mean processor time of each stretch, client included (Linux only). It judges nothing.
#![allow(
    clippy::print_stdout,
    reason = "it is run by hand, and this is what it is for"
)]

use std::error::Error;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType,
    ScalarAttributeType, StreamSpecification, StreamViewType,
};
use dynoxide::Database;
use local_platform::LocalDynamoDb;
use local_platform::dynamodb::Storage;
use tokio::net::TcpListener;

const TABLE: &str = "outbox";
/// Writes of one stretch.
const STRETCH: usize = 2_000;
/// Bytes of an item's body, about an outbox row of one event.
const BODY_BYTES: usize = 800;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let writes = std::env::args()
        .nth(1)
        .map_or(Ok(20_000), |it| it.parse::<usize>())?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let bare = format!("http://{}", listener.local_addr()?);
    let serving = tokio::spawn(dynoxide::server::serve_on(listener, Database::memory()?));
    println!("the engine as it is, mean processor time of {STRETCH} writes in µs:");
    measure(&bare, writes).await?;
    serving.abort();
    let prepared = LocalDynamoDb::start(0, Storage::Memory).await?;
    println!("LocalDynamoDb, mean processor time of {STRETCH} writes in µs:");
    measure(&prepared.endpoint(), writes).await?;
    prepared.shutdown().await;
    Ok(())
}

async fn measure(endpoint: &str, writes: usize) -> Result<(), Box<dyn Error>> {
    let client = client(endpoint);
    create_table(&client).await?;
    for stretch in 0..writes / STRETCH {
        let begun = processor_microseconds()?;
        for number in 0..STRETCH {
            let sk = format!("{:08}", stretch * STRETCH + number);
            let put = client.put_item().table_name(TABLE);
            let put = put.item("pk", AttributeValue::S("lane#0".to_owned()));
            let put = put.item("sk", AttributeValue::S(sk));
            let body = "x".repeat(BODY_BYTES);
            put.item("body", AttributeValue::S(body)).send().await?;
        }
        let mean = (processor_microseconds()? - begun) / STRETCH as u64;
        println!("  {:>7} records  {mean:>6}", stretch * STRETCH);
    }
    Ok(())
}

/// The processor time of this process so far: the fields utime and stime of `proc(5)`, in hundredths of a second.
fn processor_microseconds() -> Result<u64, Box<dyn Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // The second field is the program's name in brackets; these are the 14th and the 15th.
    let (_, rest) = stat.rsplit_once(')').ok_or("no name in /proc/self/stat")?;
    let ticks = rest.split_whitespace().skip(11).take(2);
    let ticks: u64 = ticks.map(str::parse::<u64>).sum::<Result<_, _>>()?;
    Ok(ticks * 10_000)
}

fn client(endpoint: &str) -> Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(local_platform::REGION))
        .credentials_provider(Credentials::new("local", "local", None, None, "local"))
        .endpoint_url(endpoint);
    Client::from_conf(config.build())
}

async fn create_table(client: &Client) -> Result<(), Box<dyn Error>> {
    let mut create = client.create_table().table_name(TABLE);
    for (name, kind) in [("pk", KeyType::Hash), ("sk", KeyType::Range)] {
        let key = KeySchemaElement::builder().attribute_name(name);
        let attribute = AttributeDefinition::builder().attribute_name(name);
        let attribute = attribute.attribute_type(ScalarAttributeType::S);
        create = create
            .key_schema(key.key_type(kind).build()?)
            .attribute_definitions(attribute.build()?);
    }
    let stream = StreamSpecification::builder()
        .stream_enabled(true)
        .stream_view_type(StreamViewType::NewImage);
    let create = create.billing_mode(BillingMode::PayPerRequest);
    create.stream_specification(stream.build()?).send().await?;
    Ok(())
}
