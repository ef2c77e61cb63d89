//! `user-registered`: stores the profile of each new user, and has the user welcomed.

mod handler;
mod items;
mod locale;

pub use handler::UserRegisteredHandler;
pub use items::Profile;
