//! Consumer groups: which there are, how far they are, and moving one that nobody is in.
//!
//! It joins no group. Lambda's event source mapping is the group that matters here.

use std::collections::{BTreeMap, BTreeSet};

use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::{
    BrokerId, GroupId, ListGroupsRequest, ListOffsetsRequest, OffsetCommitRequest,
    OffsetFetchRequest, OffsetFetchResponse,
};

use super::Admin;
use super::error::{AdminCode, AdminError, result};
use super::session::{Session, text, topic_name};

/// Asks for the offset behind the last record, as a time.
const LATEST: i64 = -1;
/// Asks for the offset of the first record, as a time.
const EARLIEST: i64 = -2;
/// Nobody in particular: neither a broker that copies, nor a member of a group.
const NOBODY: i32 = -1;

/// A group among others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupListing {
    /// Its id.
    pub group: String,
    /// What its coordinator says of it, such as `Stable` or `Empty`; nothing from a broker before Kafka 2.6.
    pub state: String,
    /// What its members speak with each other: `consumer`, or nothing if it has only offsets.
    pub protocol: String,
}

/// How far a group is in one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupOffset {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The offset of the record that the group reads next.
    pub committed: i64,
    /// The offset behind the partition's last record; `None` if the partition is not there any more.
    pub end: Option<i64>,
}

/// Where to move a group to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResetTo {
    /// To the first record that is kept.
    Earliest,
    /// Behind the last record.
    Latest,
    /// To the first record from this time on, in milliseconds since 1970; behind the last if there is none.
    Time(i64),
}

impl GroupOffset {
    /// How many offsets the group is behind the partition's end.
    #[must_use]
    pub fn lag(&self) -> Option<i64> {
        self.end
            .map(|end| end.saturating_sub(self.committed).max(0))
    }
}

impl Admin {
    /// Lists every group that the credentials may see, by id; each broker is asked for those it coordinates.
    ///
    /// # Errors
    /// [`AdminError`] if a broker refuses or does not answer.
    pub async fn groups(&self) -> Result<Vec<GroupListing>, AdminError> {
        let listed = list(&mut self.session()).await;
        listed.map_err(|error| error.about("groups cannot be listed"))
    }

    /// Tells how far a group is, by topic and partition; nothing for a group that has committed nothing.
    ///
    /// # Errors
    /// [`AdminError`] if a broker refuses or does not answer.
    pub async fn group_offsets(&self, group: &str) -> Result<Vec<GroupOffset>, AdminError> {
        let told = offsets(&mut self.session(), group).await;
        told.map_err(|error| error.about(&format!("the offsets of group {group:?} cannot be told")))
    }

    /// Moves a group that nobody is in, in every partition of a topic, and tells where it is then.
    ///
    /// # Errors
    /// [`AdminCode::GroupInUse`] if it has members, [`AdminCode::UnknownTopic`] if there is no such topic;
    /// otherwise as [`Self::group_offsets`]. Should the answer be lost, it may be moved.
    pub async fn reset_group(
        &self,
        group: &str,
        topic: &str,
        to: ResetTo,
    ) -> Result<Vec<GroupOffset>, AdminError> {
        let moved = reset(&mut self.session(), group, topic, to).await;
        moved.map_err(|error| {
            error.about(&format!(
                "group {group:?} cannot be moved in topic {topic:?}"
            ))
        })
    }
}

async fn list(session: &mut Session) -> Result<Vec<GroupListing>, AdminError> {
    session.metadata(Some(&[])).await?;
    let mut listed = Vec::new();
    for broker in session.broker_ids() {
        let answer = loop {
            let answer = session
                .ask_node(broker, &ListGroupsRequest::default())
                .await?;
            match result(answer.error_code, None) {
                Ok(()) => break answer,
                Err(error) if error.code == AdminCode::NotReady => session.pause(error).await?,
                Err(error) => return Err(error.about(&format!("broker {broker}"))),
            }
        };
        listed.extend(answer.groups.into_iter().map(|one| GroupListing {
            group: one.group_id.to_string(),
            state: one.group_state.to_string(),
            protocol: one.protocol_type.to_string(),
        }));
    }
    listed.sort_by(|a, b| a.group.cmp(&b.group));
    Ok(listed)
}

async fn offsets(session: &mut Session, group: &str) -> Result<Vec<GroupOffset>, AdminError> {
    let request = OffsetFetchRequest::default()
        .with_group_id(GroupId(text(group)))
        .with_topics(None);
    let answer = session
        .ask_coordinator(group, &request, |answer| Some(answer.error_code))
        .await?;
    result(answer.error_code, None)?;
    let mut told = committed(&answer)?;
    let topics: BTreeSet<_> = told.iter().map(|one| one.topic.clone()).collect();
    let mut ends = BTreeMap::new();
    for topic in topics {
        match positions(session, &topic, LATEST).await {
            Ok(found) => ends.extend(
                found
                    .into_iter()
                    .map(|(one, end)| ((topic.clone(), one), end)),
            ),
            // Offsets outlive their topic.
            Err(error) if error.code == AdminCode::UnknownTopic => {}
            Err(error) => return Err(error),
        }
    }
    for one in &mut told {
        one.end = ends.get(&(one.topic.clone(), one.partition)).copied();
    }
    Ok(told)
}

fn committed(answer: &OffsetFetchResponse) -> Result<Vec<GroupOffset>, AdminError> {
    let mut committed = Vec::new();
    for topic in &answer.topics {
        for one in &topic.partitions {
            result(one.error_code, None)?;
            // What is below zero was never committed.
            if one.committed_offset >= 0 {
                committed.push(GroupOffset {
                    topic: topic.name.to_string(),
                    partition: one.partition_index,
                    committed: one.committed_offset,
                    end: None,
                });
            }
        }
    }
    committed.sort_by(|a, b| (&a.topic, a.partition).cmp(&(&b.topic, b.partition)));
    Ok(committed)
}

/// Asks the leaders of a topic's partitions for the offset at a time, waiting for leaders that are being chosen.
async fn positions(
    session: &mut Session,
    topic: &str,
    time: i64,
) -> Result<BTreeMap<i32, i64>, AdminError> {
    loop {
        match positions_now(session, topic, time).await {
            Err(error) if error.code == AdminCode::NotReady => session.pause(error).await?,
            found => return found,
        }
    }
}

async fn positions_now(
    session: &mut Session,
    topic: &str,
    time: i64,
) -> Result<BTreeMap<i32, i64>, AdminError> {
    let metadata = session.metadata(Some(&[topic])).await?;
    let mut by_leader: BTreeMap<i32, Vec<ListOffsetsPartition>> = BTreeMap::new();
    for found in &metadata.topics {
        result(found.error_code, None)?;
        for one in &found.partitions {
            if one.leader_id.0 < 0 {
                let message = format!("partition {} has no leader", one.partition_index);
                return Err(AdminError::new(AdminCode::NotReady, message));
            }
            let asked = ListOffsetsPartition::default()
                .with_partition_index(one.partition_index)
                .with_current_leader_epoch(NOBODY)
                .with_timestamp(time);
            by_leader.entry(one.leader_id.0).or_default().push(asked);
        }
    }
    let mut positions = BTreeMap::new();
    for (leader, partitions) in by_leader {
        let asked = ListOffsetsTopic::default()
            .with_name(topic_name(topic))
            .with_partitions(partitions);
        let request = ListOffsetsRequest::default()
            .with_replica_id(BrokerId(NOBODY))
            .with_topics(vec![asked]);
        let answer = session.ask_node(leader, &request).await?;
        for one in answer.topics.iter().flat_map(|topic| &topic.partitions) {
            result(one.error_code, None)?;
            positions.insert(one.partition_index, one.offset);
        }
    }
    Ok(positions)
}

async fn reset(
    session: &mut Session,
    group: &str,
    topic: &str,
    to: ResetTo,
) -> Result<Vec<GroupOffset>, AdminError> {
    let ends = positions(session, topic, LATEST).await?;
    let mut wanted = match to {
        ResetTo::Latest => ends.clone(),
        ResetTo::Earliest => positions(session, topic, EARLIEST).await?,
        ResetTo::Time(ms) => positions(session, topic, ms.max(0)).await?,
    };
    for (partition, end) in &ends {
        let offset = wanted.entry(*partition).or_insert(*end);
        // No record is as late as the time asked for.
        if *offset < 0 {
            *offset = *end;
        }
    }
    let partitions = wanted.iter().map(|(partition, offset)| {
        OffsetCommitRequestPartition::default()
            .with_partition_index(*partition)
            .with_committed_offset(*offset)
            .with_committed_metadata(Some(text("")))
    });
    let of_topic = OffsetCommitRequestTopic::default()
        .with_name(topic_name(topic))
        .with_partitions(partitions.collect());
    let request = OffsetCommitRequest::default()
        .with_group_id(GroupId(text(group)))
        .with_generation_id_or_member_epoch(NOBODY)
        .with_topics(vec![of_topic]);
    let answer = session
        .ask_coordinator(group, &request, |answer| {
            let mut partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
            partitions.next().map(|one| one.error_code)
        })
        .await?;
    let mut moved = Vec::new();
    for one in answer.topics.iter().flat_map(|topic| &topic.partitions) {
        let partition = one.partition_index;
        result(one.error_code, None)
            .map_err(|error| error.about(&format!("partition {partition}")))?;
        if let Some(committed) = wanted.remove(&partition) {
            moved.push(GroupOffset {
                topic: topic.to_owned(),
                partition,
                committed,
                end: ends.get(&partition).copied(),
            });
        }
    }
    if let Some((partition, _)) = wanted.first_key_value() {
        let message = format!("the broker's answer says nothing of partition {partition}");
        return Err(AdminError::new(AdminCode::BadAnswer, message));
    }
    moved.sort_by_key(|one| one.partition);
    Ok(moved)
}
