//! What a function reads: one event type, or one of several that it handles together.
//!
//! It chooses a type by the name that a value or its headers give, and by the topic where they give none. What
//! a handler makes of each type is not its business.

use crate::envelope::read_payload;
use crate::{Event, EventSpec, ReadError};

/// What a function reads: an [`Event`], or an enum of several that [`one_of!`](crate::one_of) makes.
pub trait Incoming: Clone + std::fmt::Debug + Send + Sync + 'static {
    /// The types, at least one; no name stands for two of them.
    const SPECS: &'static [&'static EventSpec];

    /// Reads the payload of one of [`Incoming::SPECS`], and holds it to the rules of its type.
    ///
    /// # Errors
    /// See [`ReadError`]; any other type is [`ReadError::UnnamedEventType`].
    fn read_as(spec: &'static EventSpec, value: &[u8]) -> Result<Self, ReadError>;

    /// Returns the type that it is of.
    fn spec(&self) -> &'static EventSpec;

    /// Returns the key of the event; see [`Event::ordering_key`].
    fn key(&self) -> Option<String>;
}

impl<E: Event> Incoming for E {
    const SPECS: &'static [&'static EventSpec] = &[E::SPEC];

    fn read_as(_spec: &'static EventSpec, value: &[u8]) -> Result<Self, ReadError> {
        let payload = read_payload::<E>(value)?;
        payload.validate()?;
        Ok(payload)
    }

    fn spec(&self) -> &'static EventSpec {
        E::SPEC
    }

    fn key(&self) -> Option<String> {
        self.ordering_key()
    }
}

/// What a value says of its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// It is one of those that are read.
    One(&'static EventSpec),
    /// It names another.
    Other,
    /// It names none, and several may be meant.
    Unclear,
}

/// Chooses among the types that are read: by name, else the only one, else the only one of the topic.
pub(crate) fn choose(
    specs: &'static [&'static EventSpec],
    name: Option<&str>,
    topic: Option<&str>,
) -> Choice {
    if let Some(name) = name {
        let named = specs.iter().find(|spec| spec.is_named(name));
        return named.map_or(Choice::Other, |spec| Choice::One(spec));
    }
    if let [only] = specs {
        return Choice::One(only);
    }
    let mut of_topic = specs
        .iter()
        .filter(|spec| topic.is_some_and(|topic| spec.topics().any(|one| one == topic)));
    match (of_topic.next(), of_topic.next()) {
        (Some(only), None) => Choice::One(only),
        (Some(_), Some(_)) | (None, _) => Choice::Unclear,
    }
}

/// Makes an enum with a variant for each event type, which a function reads together.
///
/// ```
/// use event_schema::events::{ConcertSoldOut, ReservationCreated};
///
/// event_schema::one_of! {
///     /// What rankings are made of.
///     pub enum Booking {
///         ReservationCreated,
///         ConcertSoldOut,
///     }
/// }
/// use event_schema::Incoming;
/// assert_eq!(Booking::SPECS[1].event_type, "concert.sold-out");
/// ```
#[macro_export]
macro_rules! one_of {
    ($(#[$about:meta])* $visibility:vis enum $name:ident { $($event:ident,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq)]
        $visibility enum $name {
            $(
                #[doc = concat!("The event type `", stringify!($event), "`.")]
                $event($event),
            )+
        }

        impl $crate::Incoming for $name {
            const SPECS: &'static [&'static $crate::EventSpec] =
                &[$(<$event as $crate::Event>::SPEC),+];

            fn read_as(
                spec: &'static $crate::EventSpec,
                value: &[u8],
            ) -> Result<Self, $crate::ReadError> {
                $(
                    if spec.event_type == <$event as $crate::Event>::SPEC.event_type {
                        let event = <$event as $crate::Incoming>::read_as(spec, value)?;
                        return Ok(Self::$event(event));
                    }
                )+
                Err($crate::ReadError::UnnamedEventType)
            }

            fn spec(&self) -> &'static $crate::EventSpec {
                match self {
                    $(Self::$event(event) => $crate::Incoming::spec(event),)+
                }
            }

            fn key(&self) -> Option<String> {
                match self {
                    $(Self::$event(event) => $crate::Incoming::key(event),)+
                }
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use crate::events::{
        ConcertSoldOut, OrderCompleted, PaymentCompleted, PaymentFailed, ReservationCreated,
    };
    use crate::{Envelope, Hints, Incoming as _, Read, ReadError};

    one_of! {
        /// Two that have topics of their own, and two that share one of an existing system.
        enum Several {
            ReservationCreated,
            ConcertSoldOut,
            PaymentCompleted,
            PaymentFailed,
        }
    }

    const SOLD_OUT: &str = r#"{"concert_id":"c-1"}"#;

    fn read(value: &str, topic: &str) -> Result<Read<Several>, ReadError> {
        let hints = Hints {
            topic: Some(topic),
            ..Hints::default()
        };
        Envelope::read(value.as_bytes(), hints)
    }

    fn event(value: &str, topic: &str) -> Several {
        match read(value, topic) {
            Ok(Read::Event(envelope)) => envelope.payload,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_name_chooses_whatever_the_topic() {
        let named = r#"{"eventType":"CONCERT_SOLD_OUT","concertId":1}"#;
        let found = event(named, "reservation.reservation.created");
        assert_eq!(found.spec().event_type, "concert.sold-out");
        assert_eq!(found.key().as_deref(), Some("concert-1"));
    }

    #[test]
    fn a_topic_chooses_where_nothing_is_named() {
        for topic in ["concert.concert.sold-out", "concert-events"] {
            assert!(matches!(event(SOLD_OUT, topic), Several::ConcertSoldOut(_)));
        }
    }

    #[test]
    fn a_topic_of_several_types_does_not_choose() {
        for topic in ["payment-events", "elsewhere"] {
            assert_eq!(read(SOLD_OUT, topic), Err(ReadError::UnnamedEventType));
        }
    }

    #[test]
    fn another_type_is_none_of_them() {
        let other = r#"{"event_type":"order.completed","order_id":"o-1"}"#;
        let read = read(other, "concert-events");
        assert_eq!(read, Ok(Read::OtherType("order.completed".to_owned())));
    }

    #[test]
    fn a_payload_is_read_as_none_but_its_own_types() {
        let read = Several::read_as(OrderCompleted::SPECS[0], b"{}");
        assert_eq!(read, Err(ReadError::UnnamedEventType));
    }

    #[test]
    fn a_field_that_is_wrong_is_named_whichever_the_type() {
        let wrong = read(
            r#"{"event_type":"concert.sold-out","concert_id":[]}"#,
            "concert-events",
        );
        assert_eq!(wrong.unwrap_err().code(), "invalid_field");
    }
}
