//! The function the tests of the local Lambda run: it does what each payload asks, over a plain socket.
//!
//! It uses no Lambda runtime crate on purpose, so that the tests see the Runtime API as it is on the wire.

use std::env;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::process;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

const API: &str = "2018-06-01/runtime";

fn main() -> io::Result<()> {
    let api = Api::from_environment()?;
    match env::var("PROBE_INIT").as_deref() {
        Ok("error") => {
            let document = json!({"errorType": "Probe.Init", "errorMessage": "no configuration"});
            api.post("init/error", document.to_string().as_bytes())?;
            process::exit(1);
        }
        Ok("exit") => process::exit(3),
        Ok("sleep") => thread::sleep(Duration::from_mins(1)),
        _ => {}
    }
    for served in 1_u64.. {
        let (request_id, head, payload) = api.next()?;
        obey(&api, &request_id, &head, &payload, served)?;
    }
    Ok(())
}

/// Does what the payload's `do` asks, or that of an HTTP event's body; without one it echoes the payload.
fn obey(api: &Api, request_id: &str, head: &str, payload: &[u8], served: u64) -> io::Result<()> {
    let event: Value = serde_json::from_slice(payload)?;
    let body = event.get("body").and_then(Value::as_str);
    let command = body.and_then(|body| serde_json::from_str(body).ok());
    let command: Value = command.unwrap_or(event);
    let seconds = command
        .get("seconds")
        .and_then(Value::as_f64)
        .unwrap_or(0.0);
    let result = format!("invocation/{request_id}/response");
    let reply = |document: &Value| api.post(&result, document.to_string().as_bytes());
    match command.get("do").and_then(Value::as_str) {
        Some("sleep") => {
            writeln!(io::stdout(), "sleeping {}/{API}/{result}", api.prefix)?;
            thread::sleep(Duration::from_secs_f64(seconds));
            reply(&json!({"slept": seconds}))
        }
        Some("exit") => process::exit(7),
        Some("error") => {
            let document = json!({"errorType": "Probe.Error", "errorMessage": "asked to fail"});
            api.post(
                &format!("invocation/{request_id}/error"),
                document.to_string().as_bytes(),
            )
        }
        Some("respond") => reply(command.get("with").unwrap_or(&Value::Null)),
        Some("large") => api.post(&result, &vec![b'1'; 6 * 1024 * 1024 + 1]),
        Some("describe") => reply(&json!({
            "pid": process::id(),
            "served": served,
            "head": head,
            "answer_url": format!("{}/{API}/{result}", api.prefix),
            "environment": env::vars().collect::<std::collections::BTreeMap<_, _>>(),
        })),
        Some("answer-then-exit") => {
            reply(&json!({"answered": true}))?;
            process::exit(0);
        }
        Some("next-without-answer") => {
            let status = api.call("GET", "invocation/next", b"")?.status;
            reply(&json!({"status": status}))
        }
        _ => api.post(&result, payload),
    }
}

struct Api {
    authority: String,
    path: String,
    prefix: String,
}

struct Reply {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Api {
    fn from_environment() -> io::Result<Self> {
        let prefix = env::var("AWS_LAMBDA_RUNTIME_API").map_err(io::Error::other)?;
        let (authority, path) = prefix
            .strip_prefix("http://")
            .and_then(|rest| rest.split_once('/'))
            .ok_or_else(|| io::Error::other("the Runtime API is not http:// with a path"))?;
        Ok(Self {
            authority: authority.to_owned(),
            path: format!("/{path}"),
            prefix: prefix.clone(),
        })
    }

    fn next(&self) -> io::Result<(String, String, Vec<u8>)> {
        let reply = self.call("GET", "invocation/next", b"")?;
        let request_id = reply
            .head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(name, _)| *name == "lambda-runtime-aws-request-id")
            .map(|(_, value)| value.trim().to_owned())
            .ok_or_else(|| io::Error::other("no work"))?;
        Ok((request_id, reply.head, reply.body))
    }

    fn post(&self, path: &str, body: &[u8]) -> io::Result<()> {
        let reply = self.call("POST", path, body)?;
        writeln!(io::stderr(), "posted, status {}", reply.status)
    }

    fn call(&self, method: &str, path: &str, body: &[u8]) -> io::Result<Reply> {
        let Self {
            authority,
            path: base,
            ..
        } = self;
        let mut stream = TcpStream::connect(authority)?;
        write!(
            stream,
            "{method} {base}/{API}/{path} HTTP/1.1\r\nHost: {authority}\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        )?;
        stream.write_all(body)?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes)?;
        let end = bytes
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
            .ok_or_else(|| io::Error::other("no complete answer"))?;
        let body = bytes.split_off(end).split_off(4);
        let head = String::from_utf8(bytes).map_err(io::Error::other)?;
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .ok_or_else(|| io::Error::other("no status"))?;
        Ok(Reply { status, head, body })
    }
}
