//! The function's own settings: what sends its mail.
//!
//! There is no default: mail that silently goes nowhere would be missed late.

/// What sends mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transport {
    /// A table.
    Mailbox,
    /// Amazon SES, from this verified address.
    Ses {
        /// The address that mail comes from.
        sender: String,
    },
}

/// What the function is set to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `MAIL_TRANSPORT`, with `MAIL_SENDER` where it is `ses`.
    pub transport: Transport,
}

/// A setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The variable's name.
    pub name: &'static str,
    /// What it is set to; `None` if it is not set.
    pub found: Option<String>,
    /// What would be right.
    pub expected: &'static str,
}

impl Settings {
    /// Reads them through `lookup`, which answers with a variable's value; an empty one counts as not set.
    ///
    /// # Errors
    /// Fails with every setting that cannot be used.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, Vec<Problem>> {
        let value = |name: &str| lookup(name).filter(|value| !value.is_empty());
        let found = value("MAIL_TRANSPORT");
        let transport = match found.as_deref() {
            Some("mailbox") => Transport::Mailbox,
            Some("ses") => Transport::Ses {
                sender: sender(value("MAIL_SENDER")).map_err(|problem| vec![problem])?,
            },
            Some(_) | None => {
                return Err(vec![Problem {
                    name: "MAIL_TRANSPORT",
                    found,
                    expected: "`ses` for Amazon SES, or `mailbox` for the table of that name",
                }]);
            }
        };
        Ok(Self { transport })
    }
}

fn sender(found: Option<String>) -> Result<String, Problem> {
    match found {
        Some(sender) if sender.contains('@') && !sender.contains(char::is_control) => Ok(sender),
        found => Err(Problem {
            name: "MAIL_SENDER",
            found,
            expected: "an address that is verified in Amazon SES, where MAIL_TRANSPORT is `ses`",
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Settings, Vec<Problem>> {
        Settings::read(|name| {
            let found = variables.iter().find(|(of, _)| *of == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn a_transport_has_to_be_chosen() {
        for variables in [
            &[][..],
            &[("MAIL_TRANSPORT", "")],
            &[("MAIL_TRANSPORT", "smtp")],
        ] {
            let problems = read(variables).unwrap_err();
            assert_eq!(problems.first().unwrap().name, "MAIL_TRANSPORT");
        }
        let mailbox = read(&[("MAIL_TRANSPORT", "mailbox")]).unwrap();
        assert_eq!(mailbox.transport, Transport::Mailbox);
    }

    #[test]
    fn mail_by_ses_needs_a_sender() {
        let ses = ("MAIL_TRANSPORT", "ses");
        for variables in [&[ses][..], &[ses, ("MAIL_SENDER", "nobody")]] {
            let problems = read(variables).unwrap_err();
            assert_eq!(problems.first().unwrap().name, "MAIL_SENDER");
        }
        let sender = "shop@example.com".to_owned();
        let settings = read(&[ses, ("MAIL_SENDER", &sender)]).unwrap();
        assert_eq!(settings.transport, Transport::Ses { sender });
    }
}
