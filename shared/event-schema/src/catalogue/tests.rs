//! The names and numbers of the catalogue keep their rules.

use std::collections::BTreeSet;

use super::*;
use crate::Deduplication;

fn is_kebab(segment: &str) -> bool {
    !segment.is_empty()
        && segment.split('-').all(|word| {
            !word.is_empty()
                && word
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        })
}

fn is_unique<T: Ord>(mut names: impl Iterator<Item = T>) -> bool {
    let mut seen = BTreeSet::new();
    names.all(|name| seen.insert(name))
}

#[test]
fn a_topic_is_named_domain_entity_event() {
    for spec in EVENTS {
        let segments: Vec<_> = spec.topic.split('.').collect();
        assert_eq!(segments.len(), 3, "{}", spec.topic);
        assert!(
            segments.iter().all(|segment| is_kebab(segment)),
            "{}",
            spec.topic
        );
        assert!(spec.topics().all(|topic| topic.len() <= 249));
    }
}

#[test]
fn an_event_type_is_named_noun_past_verb_and_its_legacy_names_in_upper_snake() {
    for spec in EVENTS {
        let segments: Vec<_> = spec.event_type.split('.').collect();
        assert_eq!(segments.len(), 2, "{}", spec.event_type);
        assert!(
            segments.iter().all(|segment| is_kebab(segment)),
            "{}",
            spec.event_type
        );
        let upper = spec.event_type.to_uppercase().replace(['.', '-'], "_");
        assert!(spec.legacy_types.contains(&upper.as_str()), "{upper}");
    }
}

#[test]
fn no_name_means_two_things() {
    assert!(is_unique(EVENTS.iter().map(|spec| spec.topic)));
    let types = EVENTS
        .iter()
        .flat_map(|spec| std::iter::once(spec.event_type).chain(spec.legacy_types.iter().copied()));
    assert!(is_unique(types));
    assert!(is_unique(FUNCTIONS.iter().map(|function| function.name)));
}

#[test]
fn a_canonical_topic_is_nobodys_alias() {
    let topics: BTreeSet<_> = EVENTS.iter().map(|spec| spec.topic).collect();
    for spec in EVENTS {
        assert!(
            spec.alias_topics
                .iter()
                .all(|alias| !topics.contains(alias)),
            "{}",
            spec.topic
        );
    }
}

#[test]
fn the_topics_fit_into_one_cluster() {
    assert!(
        EVENTS
            .iter()
            .all(|spec| spec.partitions >= PARTITIONS_MIN && spec.outbox_lanes >= 1)
    );
    let partitions: u32 = EVENTS.iter().map(|spec| spec.partitions).sum();
    assert!(partitions <= CLUSTER_PARTITIONS_MAX);
}

#[test]
fn partitions_follow_the_expected_events() {
    for (events_per_second, partitions) in [
        (0, 3),
        (1, 3),
        (3_000, 3),
        (3_001, 4),
        (6_000, 6),
        (2_400_000, 2_400),
    ] {
        assert_eq!(partitions_for(events_per_second), Ok(partitions));
    }
    assert!(partitions_for(2_400_001).is_err());
    let refused = partitions_for(u64::MAX).unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("more than the 2400 of a cluster"),
        "{refused}"
    );
}

#[test]
fn groups_are_unique_and_have_no_colon() {
    let groups: Vec<_> = FUNCTIONS
        .iter()
        .flat_map(FunctionSpec::subscriptions)
        .map(|subscription| subscription.group)
        .collect();
    assert!(
        groups
            .iter()
            .all(|group| !group.contains(':') && group.strip_suffix(".v1").is_some())
    );
    assert!(is_unique(groups.iter()));
}

#[test]
fn a_function_of_several_topics_has_a_group_for_each() {
    let one = FunctionSpec {
        reads: &[events::OrderCreated::SPEC],
        ..ranking()
    };
    assert_eq!(one.subscriptions().first().unwrap().group, "ranking.v1");
    let groups: Vec<_> = ranking()
        .subscriptions()
        .into_iter()
        .map(|one| one.group)
        .collect();
    assert_eq!(
        groups,
        [
            "ranking.reservation.created.v1",
            "ranking.concert.sold-out.v1"
        ]
    );
}

fn ranking() -> FunctionSpec {
    let reads = &[
        events::ReservationCreated::SPEC,
        events::ConcertSoldOut::SPEC,
    ];
    FunctionSpec::reading("ranking", reads, Deduplication::EventId)
}

#[test]
fn a_function_reads_only_events_of_the_catalogue_and_publishes_through_the_outbox() {
    for function in FUNCTIONS {
        assert!(is_kebab(function.name));
        let is_scheduled = function.schedule_seconds.is_some();
        let kinds = [
            !function.reads.is_empty(),
            !function.http.is_empty(),
            !function.streams.is_empty() || is_scheduled,
        ];
        assert_eq!(
            kinds.into_iter().filter(|has| *has).count(),
            1,
            "{} reads events, answers requests, or follows tables and a schedule",
            function.name
        );
        assert!(is_unique(function.streams.iter()));
        for stream in function.streams {
            let mut tables = function.tables.iter();
            assert!(tables.any(|one| one.table == *stream), "{stream}");
        }
        assert_ne!(function.schedule_seconds, Some(0), "{}", function.name);
        assert!(is_unique(function.tables.iter().map(|one| one.table)));
        let known = |spec: &&EventSpec| event(spec.event_type) == Some(*spec);
        assert!(function.reads.iter().chain(function.publishes).all(known));
        let outbox = function.tables.iter().any(|one| one.table == "outbox");
        // One that follows the outbox carries what the others publish.
        let carries = function.streams.contains(&"outbox");
        let publishes = !function.publishes.is_empty();
        assert_eq!(outbox, publishes || carries, "{}", function.name);
        assert!(!(publishes && carries), "{}", function.name);
    }
}

#[test]
fn a_route_is_one_functions_and_no_records_are_known_by_a_callers_key() {
    let routes = FUNCTIONS.iter().flat_map(|function| function.http);
    assert!(is_unique(
        routes.clone().map(|route| (route.method, route.path))
    ));
    for route in routes {
        assert!(route.path.starts_with('/') && !route.path.ends_with('/'));
        assert_eq!(route.method, route.method.to_uppercase());
    }
    for function in FUNCTIONS {
        let by_key = function.dedup == Deduplication::IdempotencyKey;
        assert_eq!(by_key, !function.http.is_empty(), "{}", function.name);
    }
    let by_key = |spec: &&EventSpec| spec.dedup == Deduplication::IdempotencyKey;
    assert!(!EVENTS.iter().any(by_key));
}

/// The relay may send twice, which positions do not notice (design §6).
#[test]
fn what_the_outbox_feeds_is_not_deduplicated_by_position_alone() {
    for published in FUNCTIONS.iter().flat_map(|function| function.publishes) {
        assert_ne!(
            published.dedup,
            Deduplication::Position,
            "{}",
            published.event_type
        );
    }
}

#[test]
fn an_index_is_of_a_table_that_a_function_writes_and_has_a_name_of_its_own() {
    let written = |table: &str| {
        let mut used = FUNCTIONS.iter().flat_map(|function| function.tables);
        used.any(|one| one.table == table && one.access != Access::Read)
    };
    let mut count = 0;
    for table in tables() {
        let indexes = indexes_of(table);
        count += indexes.len();
        assert!(indexes.is_empty() || written(table), "{table}");
        assert!(is_unique(indexes.iter().map(|index| index.name)));
        for index in indexes {
            assert!(is_kebab(index.name), "{}", index.name);
            assert_ne!(index.partition, index.sort, "{}", index.name);
        }
    }
    assert_eq!(
        count, 2,
        "an index of a table that no function has is made by nobody"
    );
}

fn deployment_of(name: &str) -> Deployment {
    let mut functions = FUNCTIONS.iter();
    functions.find(|one| one.name == name).unwrap().deployment()
}

fn actions<'d>(deployment: &'d Deployment, resource: &Resource) -> &'d [&'static str] {
    let mut permissions = deployment.permissions.iter();
    let found = permissions.find(|one| one.resource == *resource);
    found.map_or(&[], |one| &one.actions)
}

#[test]
fn no_permission_has_a_wildcard_or_stands_twice() {
    let all = FUNCTIONS.iter().map(FunctionSpec::deployment);
    for deployment in all.chain(deployment_functions()) {
        let permissions = &deployment.permissions;
        assert!(is_unique(permissions.iter().map(|one| &one.resource)));
        for Permission { resource, actions } in permissions {
            assert!(!actions.is_empty() && actions.is_sorted(), "{resource:?}");
            assert!(
                actions
                    .iter()
                    .all(|action| action.contains(':') && !action.contains('*')),
                "{resource:?}"
            );
        }
        assert!(is_unique(deployment.settings.iter().map(|(name, _)| name)));
    }
}

#[test]
fn a_function_may_do_to_its_tables_what_the_catalogue_says() {
    let notification = deployment_of("notification");
    let reads = [
        "dynamodb:BatchGetItem",
        "dynamodb:ConditionCheckItem",
        "dynamodb:Query",
    ];
    let writes = [
        "dynamodb:DeleteItem",
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
    ];
    assert_eq!(actions(&notification, &Resource::Table("users")), reads);
    assert_eq!(actions(&notification, &Resource::Table("mailbox")), writes);
    let state = actions(&notification, &Resource::Table("state"));
    assert_eq!(state.len(), reads.len() + writes.len());
    assert!(actions(&notification, &Resource::Table("orders")).is_empty());
}

#[test]
fn only_what_carries_the_outbox_writes_to_kafka_and_then_to_all_that_is_published() {
    for function in FUNCTIONS {
        let deployment = function.deployment();
        let writes = |one: &&Permission| one.actions.contains(&"kafka-cluster:WriteData");
        let written = deployment.permissions.iter().filter(writes);
        let written: BTreeSet<_> = written.map(|one| one.resource.clone()).collect();
        let published = FUNCTIONS.iter().flat_map(|one| one.publishes);
        let published = published
            .map(|event| Resource::Topic(event.topic))
            .collect();
        let expected = if function.name == "outbox-relay" {
            published
        } else {
            BTreeSet::new()
        };
        assert_eq!(written, expected, "{}", function.name);
    }
}

#[test]
fn a_consumer_reads_its_topics_in_its_groups_and_no_others() {
    for function in FUNCTIONS {
        let deployment = function.deployment();
        let consumed = |resource: &Resource| {
            matches!(resource, Resource::Group(_))
                || actions(&deployment, resource).contains(&"kafka-cluster:ReadData")
        };
        let resources = deployment.permissions.iter().map(|one| &one.resource);
        let found: BTreeSet<_> = resources.filter(|one| consumed(one)).cloned().collect();
        let subscriptions = function.subscriptions().into_iter();
        let expected = subscriptions
            .flat_map(|one| [Resource::Topic(one.event.topic), Resource::Group(one.group)])
            .collect();
        assert_eq!(found, expected, "{}", function.name);
    }
}

#[test]
fn the_numbers_of_a_deployment_are_those_that_lambda_takes() {
    for function in FUNCTIONS {
        assert!((1..=10_000).contains(&function.batch_records_max));
        assert!(function.batching_window_seconds <= 300);
        let Deployment {
            memory_mb,
            timeout_seconds,
            ..
        } = function.deployment();
        assert!((128..=10_240).contains(&memory_mb), "{}", function.name);
        assert!((1..=MAPPED_TIMEOUT_SECONDS_MAX).contains(&timeout_seconds));
    }
}

#[test]
fn marks_outlive_a_record_and_the_time_in_which_its_dead_letter_can_be_put_back() {
    assert_eq!(MARKS_KEPT_SECONDS, (7 + 14) * 24 * 60 * 60);
}
