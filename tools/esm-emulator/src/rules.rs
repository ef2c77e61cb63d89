//! A validated mapping and its switches as the numbers the scheduler works with (esm-spec §0.1, §2.2, §9.8).
//!
//! It decides limits once; what happens when one is met is the scheduler's.

use crate::config::{ConfigError, MappingConfig};
use crate::destination::Destination;
use crate::switches::Switches;

/// Retries after which Lambda gives up when there is a destination and no limit (esm-spec §2.2).
const RETRIES_WITH_DESTINATION_MAX: u32 = 10;
/// Default of `MaximumBatchingWindowInSeconds` for Kafka, which whole seconds cannot express.
const WINDOW_DEFAULT_MS: i64 = 500;

/// What the scheduler obeys.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    pub(crate) topic: String,
    pub(crate) event_source_arn: String,
    pub(crate) bootstrap_servers: String,
    pub(crate) function_name: String,
    pub(crate) mapping_uuid: uuid::Uuid,
    pub(crate) batch_size: usize,
    pub(crate) window_ms: i64,
    /// `None`: for ever.
    pub(crate) retries_max: Option<u32>,
    /// `None`: of any age.
    pub(crate) age_ms_max: Option<i64>,
    pub(crate) bisect: bool,
    /// The body of an answer is read.
    pub(crate) partial_responses: bool,
    pub(crate) destination: Option<Destination>,
    pub(crate) switches: Switches,
}

impl Rules {
    /// # Errors
    /// If the mapping is not valid.
    pub(crate) fn new(
        config: &MappingConfig,
        switches: Switches,
        bootstrap_servers: String,
    ) -> Result<Self, ConfigError> {
        config.validate()?;
        let provisioned = config.provisioned_pollers.is_some();
        let destination = config
            .on_failure_destination
            .as_deref()
            .and_then(Destination::parse);
        let seconds = config.maximum_record_age_seconds;
        Ok(Self {
            topic: config.topic().to_owned(),
            event_source_arn: config.event_source_arn.clone(),
            bootstrap_servers,
            function_name: config.function_name.clone(),
            mapping_uuid: config.uuid(),
            batch_size: usize::try_from(config.batch_size).unwrap_or(usize::MAX),
            window_ms: config
                .maximum_batching_window_seconds
                .map_or(WINDOW_DEFAULT_MS, |s| s * 1_000),
            retries_max: retries_max(config, destination.is_some(), &switches),
            age_ms_max: (provisioned && seconds >= 0).then_some(seconds * 1_000),
            bisect: provisioned && config.bisect_batch_on_function_error,
            partial_responses: provisioned && config.report_batch_item_failures,
            destination,
            switches,
        })
    }

    /// Returns the pause after that many failures in a row.
    pub(crate) fn backoff_ms(&self, failures: u32) -> i64 {
        let doublings = failures.saturating_sub(1).min(u64::BITS - 1);
        let pause = self
            .switches
            .backoff_base_milliseconds
            .saturating_mul(1 << doublings);
        i64::try_from(pause.min(self.switches.backoff_milliseconds_max)).unwrap_or(i64::MAX)
    }

    /// Returns the function's ARN, made from the cluster's region and account if only a name is known.
    pub(crate) fn function_arn(&self) -> String {
        if self.function_name.starts_with("arn:") {
            return self.function_name.clone();
        }
        let mut cluster = self.event_source_arn.split(':').skip(1);
        let (partition, _, region, account) = (
            cluster.next(),
            cluster.next(),
            cluster.next(),
            cluster.next(),
        );
        format!(
            "arn:{}:lambda:{}:{}:function:{}",
            partition.unwrap_or("aws"),
            region.unwrap_or_default(),
            account.unwrap_or_default(),
            self.function_name
        )
    }
}

fn retries_max(config: &MappingConfig, destination: bool, switches: &Switches) -> Option<u32> {
    let provisioned = config.provisioned_pollers.is_some();
    match u32::try_from(config.maximum_retry_attempts) {
        Ok(retries) => Some(retries),
        Err(_) if !destination => None,
        Err(_) if provisioned => Some(RETRIES_WITH_DESTINATION_MAX),
        Err(_) => switches.on_demand_retries_with_destination_max,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::config::ProvisionedPollers;

    pub(crate) const CLUSTER: &str =
        "arn:aws:kafka:eu-central-1:111122223333:cluster/orders/5f3c-s1";
    pub(crate) const QUEUE: &str = "arn:aws:sqs:eu-central-1:111122223333:failed";

    /// A provisioned mapping of `orders.v1` with batch item failures.
    pub(crate) fn config() -> MappingConfig {
        MappingConfig {
            provisioned_pollers: Some(ProvisionedPollers {
                minimum_pollers: Some(1),
                ..ProvisionedPollers::default()
            }),
            maximum_batching_window_seconds: Some(0),
            report_batch_item_failures: true,
            ..MappingConfig::new(CLUSTER, "order-created", "orders.v1")
        }
    }

    pub(crate) fn rules(config: &MappingConfig) -> Rules {
        rules_with(config, Switches::default())
    }

    pub(crate) fn rules_with(config: &MappingConfig, switches: Switches) -> Rules {
        Rules::new(config, switches, "127.0.0.1:9092".to_owned()).unwrap()
    }

    #[test]
    fn no_limit_with_a_destination_means_ten_retries() {
        let mut config = config();
        assert_eq!(rules(&config).retries_max, None);
        config.on_failure_destination = Some(QUEUE.to_owned());
        assert_eq!(rules(&config).retries_max, Some(10));
        config.maximum_retry_attempts = 12;
        assert_eq!(rules(&config).retries_max, Some(12));
    }

    #[test]
    fn on_demand_with_a_destination_the_switch_decides() {
        let mut config = MappingConfig::new(CLUSTER, "order-created", "orders.v1");
        assert_eq!(rules(&config).retries_max, None);
        config.on_failure_destination = Some(QUEUE.to_owned());
        assert_eq!(rules(&config).retries_max, Some(10));
        let endless = Switches {
            on_demand_retries_with_destination_max: None,
            ..Switches::default()
        };
        assert_eq!(rules_with(&config, endless).retries_max, None);
    }

    #[test]
    fn the_window_left_out_is_half_a_second() {
        let config = MappingConfig::new(CLUSTER, "order-created", "orders.v1");
        assert_eq!(rules(&config).window_ms, 500);
    }

    #[test]
    fn pauses_double_up_to_their_limit() {
        let rules = rules(&config());
        let pauses: Vec<_> = (1..=10)
            .map(|failures| rules.backoff_ms(failures))
            .collect();
        assert_eq!(
            pauses,
            [
                100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000
            ]
        );
        assert_eq!(rules.backoff_ms(u32::MAX), 30_000);
    }

    #[test]
    fn a_function_name_becomes_an_arn_of_the_clusters_account() {
        assert_eq!(
            rules(&config()).function_arn(),
            "arn:aws:lambda:eu-central-1:111122223333:function:order-created"
        );
    }
}
