//! `tailrace`, the command-line tool: the whole system on one machine (`dev`), and proof that it works (`demo`).
//!
//! The way of a command: [`cli`] reads it, [`dev`] or [`demo`] runs it on a [`platform`], [`screen`] shows it.
//! It deploys nothing and speaks to no AWS account.

mod cli;
mod demo;
mod dev;
mod error;
mod logs;
mod partners;
mod platform;
mod screen;
mod signals;
mod text;

use std::process::ExitCode;

use clap::Parser;

#[tokio::main]
async fn main() -> ExitCode {
    cli::run(cli::Cli::parse()).await
}
