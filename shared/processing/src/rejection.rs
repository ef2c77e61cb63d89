//! Why a handler does not apply a record, and what follows from it.
//!
//! There is no conversion from arbitrary errors: a bare `?` on a foreign error would have to guess
//! whether trying again can help, and does not compile.

use std::error::Error;
use std::fmt;

use crate::store::Cause;

/// A handler's refusal of a record.
pub struct Rejection(Box<Inner>);

struct Inner {
    class: Class,
    code: &'static str,
    message: String,
    cause: Option<Cause>,
}

/// What is kept of a failure: its code and its causes as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The stable word for the cause.
    pub code: &'static str,
    /// The message and every cause behind it, outermost first; never a value from a payload.
    pub chain: Vec<String>,
}

impl Refusal {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            chain: vec![message.into()],
        }
    }

    pub(crate) fn of(code: &'static str, error: &dyn Error) -> Self {
        let mut chain = vec![error.to_string()];
        let mut next = error.source();
        while let Some(cause) = next {
            chain.push(cause.to_string());
            next = cause.source();
        }
        Self { code, chain }
    }
}

/// What follows from a rejection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Trying again cannot help: dead letter.
    Permanent,
    /// Trying again may help: unfinished.
    Transient,
    /// An item is not loaded yet: the engine loads it and runs the record again.
    NotLoaded,
}

impl Rejection {
    /// The record can never be applied: it becomes a dead letter.
    ///
    /// `code` is a stable `snake_case` word from a bounded set, listed in the function's README; it labels
    /// metrics. The message must not contain values from the payload.
    #[must_use]
    pub fn permanent(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Class::Permanent, code, message.into())
    }

    /// The record cannot be applied now: it, and what follows it under its key, is delivered again.
    #[must_use]
    pub fn transient(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Class::Transient, code, message.into())
    }

    /// Adds the cause, kept for the dead letter and the log.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<Cause>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    /// The stable word for the cause.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.0.code
    }

    /// The message and, behind it, every cause, outermost first.
    #[must_use]
    pub fn chain(&self) -> Vec<String> {
        let mut chain = vec![self.0.message.clone()];
        if let Some(cause) = self.0.cause.as_deref() {
            chain.extend(Refusal::of(self.0.code, cause).chain);
        }
        chain
    }

    pub(crate) fn refusal(&self) -> Refusal {
        Refusal {
            code: self.0.code,
            chain: self.chain(),
        }
    }

    pub(crate) fn not_loaded() -> Self {
        Self::new(
            Class::NotLoaded,
            "not_loaded",
            "an item is not loaded yet".to_owned(),
        )
    }

    pub(crate) fn class(&self) -> Class {
        self.0.class
    }

    fn new(class: Class, code: &'static str, message: String) -> Self {
        Self(Box::new(Inner {
            class,
            code,
            message,
            cause: None,
        }))
    }
}

impl fmt::Debug for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rejection")
            .field("class", &self.0.class)
            .field("code", &self.0.code)
            .field("chain", &self.chain())
            .finish()
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_holds_every_cause_once() {
        let inner = std::io::Error::other("inner");
        let rejection = Rejection::permanent("odd", "outer").caused_by(inner);
        assert_eq!(rejection.chain(), ["outer", "inner"]);
    }

    #[test]
    fn a_rejection_says_what_it_is() {
        let cases = [
            (
                Rejection::permanent("never", "it cannot be"),
                Class::Permanent,
                "never",
            ),
            (
                Rejection::transient("busy", "not now"),
                Class::Transient,
                "busy",
            ),
            (Rejection::not_loaded(), Class::NotLoaded, "not_loaded"),
        ];
        for (rejection, class, code) in cases {
            assert_eq!((rejection.class(), rejection.code()), (class, code));
            assert_eq!(rejection.to_string(), rejection.chain().concat());
            let refusal = rejection.refusal();
            assert_eq!((refusal.code, refusal.chain), (code, rejection.chain()));
        }
        assert_eq!(
            Rejection::permanent("never", "it cannot be").to_string(),
            "it cannot be"
        );
    }
}
