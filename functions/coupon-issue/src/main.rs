//! The Lambda function `coupon-issue`.

use aws_adapters::{RunError, run_decide};
use coupon_issue::CouponIssueHandler;

#[tokio::main]
async fn main() -> Result<(), RunError> {
    run_decide(CouponIssueHandler).await
}
