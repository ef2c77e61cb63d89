//! What is in the tables and the queue: read from outside, whole, to be compared.
//!
//! It reads attributes as `DynamoDB` keeps them, not through a function's own types.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_adapters::{DeadLetterDocument, DocumentError};
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::Value;

use crate::system::{System, TABLE_PREFIX};

/// Messages of one receive.
const RECEIVE_MESSAGES_MAX: i32 = 10;

/// An item's attributes.
pub type Attributes = HashMap<String, AttributeValue>;

/// Every item of every table; two pictures are equal if nothing was changed between them.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// Items by table and by partition and sort key.
    tables: BTreeMap<&'static str, BTreeMap<(String, String), Attributes>>,
}

/// A product's stock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Stock {
    /// Pieces that can be ordered.
    pub available: i64,
    /// Pieces of orders that are not paid yet.
    pub reserved: i64,
    /// Pieces of orders that are paid.
    pub sold: i64,
    /// How often the stock was changed.
    pub changes: i64,
}

/// What a queue held.
#[derive(Clone, Debug, Default)]
pub struct Messages {
    /// Functions' dead letters, in the order of the queue; one that was sent twice is here twice.
    pub letters: Vec<DeadLetterDocument>,
    /// The mapping's on-failure documents.
    pub documents: Vec<Value>,
}

impl System {
    /// Reads every item of every table.
    pub async fn picture(&self) -> Picture {
        let mut all = BTreeMap::new();
        for spec in &self.specs {
            let scan = self.tables.scan().consistent_read(true);
            let scan = scan.table_name(format!("{TABLE_PREFIX}{}", spec.name));
            let mut pages = scan.into_paginator().send();
            let mut items = BTreeMap::new();
            while let Some(page) = pages.next().await {
                for item in page.unwrap().items.unwrap_or_default() {
                    items.insert((text(&item, "pk"), text(&item, "sk")), item);
                }
            }
            all.insert(spec.name, items);
        }
        Picture { tables: all }
    }

    /// Returns keys and values of the events of this type that wait in the outbox.
    pub async fn outgoing_values(&self, event_type: &str) -> Vec<(String, String)> {
        let picture = self.picture().await;
        let rows = picture.tables["outbox"].values();
        let events = rows.flat_map(|row| row["events"].as_l().unwrap());
        let events = events.map(|event| event.as_m().unwrap());
        events
            .filter(|event| text(event, "event_type") == event_type)
            .map(|event| (text(event, "key"), text(event, "value")))
            .collect()
    }

    /// Takes every message out of the queue.
    pub async fn take_messages(&self) -> Messages {
        let mut taken = Messages::default();
        loop {
            let received = self
                .queues
                .receive_message()
                .queue_url(self.queue_url())
                .max_number_of_messages(RECEIVE_MESSAGES_MAX)
                .send()
                .await
                .unwrap();
            let messages = received.messages.unwrap_or_default();
            if messages.is_empty() {
                return taken;
            }
            for message in messages {
                taken.sort_in(&message.body.unwrap());
                let delete = self.queues.delete_message().queue_url(self.queue_url());
                let delete = delete.set_receipt_handle(message.receipt_handle);
                delete.send().await.unwrap();
            }
        }
    }
}

impl Picture {
    /// Returns the items of a table by partition and sort key.
    #[must_use]
    pub fn items(&self, table: &str) -> &BTreeMap<(String, String), Attributes> {
        &self.tables[table]
    }

    /// Returns the names of the tables.
    pub fn tables(&self) -> impl Iterator<Item = &'static str> {
        self.tables.keys().copied()
    }

    /// Returns topic, key and value of the events that wait in the outbox.
    #[must_use]
    pub fn outgoing_events(&self) -> Vec<(String, Option<String>, String)> {
        let rows = self.tables["outbox"].values();
        let events = rows.flat_map(|row| {
            let topic = text(row, "topic");
            let events = row["events"].as_l().unwrap().iter();
            events.map(move |event| {
                let event = event.as_m().unwrap();
                // An event without a key is stored with a null.
                let has_key = event.get("key").is_some_and(|key| !key.is_null());
                let key = has_key.then(|| text(event, "key"));
                (topic.clone(), key, text(event, "value"))
            })
        });
        events.collect()
    }

    /// Returns the orders of this status.
    #[must_use]
    pub fn orders(&self, status: &str) -> BTreeSet<String> {
        let orders = self.tables["orders"].iter();
        let of_status = orders.filter(|(_, order)| text(order, "status") == status);
        of_status.map(|((order, _), _)| order.clone()).collect()
    }

    /// Returns how many orders there are, of any status.
    #[must_use]
    pub fn orders_count(&self) -> usize {
        self.tables["orders"].len()
    }

    /// Returns the stock of every product.
    #[must_use]
    pub fn stock(&self) -> BTreeMap<String, Stock> {
        let products = self.tables["products"].iter();
        products
            .map(|((product, _), item)| {
                let stock = Stock {
                    available: whole(item.get("available")),
                    reserved: whole(item.get("reserved")),
                    sold: whole(item.get("sold")),
                    changes: whole(item.get("changes")),
                };
                (product.clone(), stock)
            })
            .collect()
    }

    /// Returns the pieces of each product in orders of this status, with the number of those orders.
    #[must_use]
    pub fn ordered(&self, status: &str) -> BTreeMap<String, (i64, i64)> {
        let mut pieces = BTreeMap::new();
        let orders = self.tables["orders"].values();
        for order in orders.filter(|order| text(order, "status") == status) {
            for (product, quantity) in order["quantities"].as_m().unwrap() {
                let (sum, count) = pieces.entry(product.clone()).or_insert((0, 0));
                *sum += whole(Some(quantity));
                *count += 1;
            }
        }
        pieces
    }

    /// Returns the ids of the events that wait in the outbox, each as often as it is there.
    #[must_use]
    pub fn outgoing(&self) -> Vec<String> {
        let rows = self.tables["outbox"].values();
        let events = rows.flat_map(|row| row["events"].as_l().unwrap());
        events
            .map(|event| text(event.as_m().unwrap(), "event_id"))
            .collect()
    }
}

impl Messages {
    fn sort_in(&mut self, body: &str) {
        match DeadLetterDocument::read(body) {
            Ok(letter) => self.letters.push(letter),
            Err(DocumentError::NotADeadLetter) => {
                self.documents.push(serde_json::from_str(body).unwrap());
            }
            Err(other) => panic!("a message of the queue cannot be read: {other:?}"),
        }
    }

    /// Returns what each letter is about, sent twice or once: partition, offset and code by the letter's id.
    #[must_use]
    pub fn letters_by_id(&self) -> BTreeMap<String, (i32, i64, String)> {
        let by_id = self.letters.iter().map(|letter| {
            let position = letter.position.as_ref().unwrap();
            let about = (position.partition, position.offset, letter.code.clone());
            (letter.id.to_string(), about)
        });
        by_id.collect()
    }
}

fn text(item: &Attributes, name: &str) -> String {
    let value = item.get(name).and_then(|value| value.as_s().ok());
    value
        .unwrap_or_else(|| panic!("{name} is no text in {item:?}"))
        .clone()
}

/// An attribute that is not there counts as zero, as it does in an addition.
fn whole(value: Option<&AttributeValue>) -> i64 {
    value.map_or(0, |value| value.as_n().unwrap().parse().unwrap())
}
