//! Environments that are killed from outside: which one it hits, what it was doing, what its invocation comes to.
//!
//! Processes that end by themselves are in the parent module.

use local_platform::KilledWhile;

use super::{
    Function, NAME, PATIENCE, describe, document, error_type, invoke, json, lambda,
    lambda_with_logs, probe, probe_with_init, sleeping, timeout,
};

#[tokio::test]
async fn a_killed_environment_fails_its_invocation_and_is_replaced() {
    let (lambda, mut lines) = lambda_with_logs(Function {
        environments_max: 1,
        ..probe()
    })
    .await;
    assert!(!lambda.kill_one(NAME).await);
    assert!(!lambda.kill_one("unknown").await);
    let sleep = invoke(&lambda, json!({"do": "sleep", "seconds": 10}));
    let kill = async {
        sleeping(&mut lines).await;
        assert!(lambda.kill_one(NAME).await);
    };
    let (killed, ()) = tokio::join!(sleep, kill);
    assert_eq!(error_type(&killed), "Runtime.ExitError");
    let message = document(&killed)["errorMessage"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(message.ends_with("signal: killed"), "{message}");
    assert!(invoke(&lambda, json!({})).await.is_success());
    assert!(lambda.kill_one(NAME).await);
    assert_eq!(lambda.stats()[NAME].environments_running, 0);
    assert!(invoke(&lambda, json!({})).await.is_success());
}

#[tokio::test]
async fn a_killer_chooses_among_environments_and_learns_what_it_hit() {
    let (lambda, mut lines) = lambda_with_logs(probe()).await;
    assert_eq!(lambda.kill_chosen(NAME, 7).await, None);
    assert_eq!(lambda.kill_chosen("unknown", 7).await, None);
    let sleep = || invoke(&lambda, json!({"do": "sleep", "seconds": 20}));
    let kill = async {
        sleeping(&mut lines).await;
        // The second environment starts while the first is busy, and is free again at once.
        let second = describe(&lambda).await;
        assert_eq!(lambda.kill_chosen(NAME, 3).await, Some(KilledWhile::Idle));
        let third = describe(&lambda).await;
        assert_ne!(second["pid"], third["pid"]);
        assert_eq!(
            lambda.kill_chosen(NAME, 0).await,
            Some(KilledWhile::Invoked)
        );
        assert_eq!(describe(&lambda).await["pid"], third["pid"]);
    };
    let (killed, ()) = tokio::join!(sleep(), kill);
    assert_eq!(error_type(&killed), "Runtime.ExitError");
    assert_eq!(lambda.stats()[NAME].crashes, 2);
}

#[tokio::test]
async fn an_environment_can_be_killed_before_it_asks_for_work() {
    let lambda = lambda(probe_with_init("sleep")).await;
    let kill = async {
        loop {
            match lambda.kill_chosen(NAME, 0).await {
                Some(doing) => return doing,
                None => tokio::task::yield_now().await,
            }
        }
    };
    let (killed, doing) = tokio::join!(invoke(&lambda, json!({})), timeout(PATIENCE, kill));
    assert_eq!(doing, Ok(KilledWhile::Starting));
    assert_eq!(error_type(&killed), "Runtime.ExitError");
}
