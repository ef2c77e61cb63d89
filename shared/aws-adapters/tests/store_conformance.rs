//! The promises that the engine rests on, checked against the store on an embedded `DynamoDB`.

mod common;

#[tokio::test]
async fn the_store_on_dynamodb_conforms() {
    let store = common::store().await;
    testkit::store_conformance(async || store.clone()).await;
}
