//! `user-activity`: counts what each user does, by day and action.

mod handler;
mod items;

pub use handler::UserActivityHandler;
pub use items::{ACTIONS_MAX, UserDay, day_of};
