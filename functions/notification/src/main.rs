//! The Lambda function `notification`.

use aws_adapters::{
    DynamoStore, MailPorts, RunError, SesFailure, SesMailer, SettingsProblem, run_mail,
};
use notification::{
    Directory, Mail, MailError, Mailbox, Mailer, NotificationHandler, Problem, Settings, Transport,
};
use processing::Attempt;

#[tokio::main]
async fn main() -> Result<(), RunError> {
    let settings = |lookup: fn(&str) -> Option<String>| {
        Settings::read(lookup).map_err(|problems| problems.into_iter().map(problem).collect())
    };
    run_mail(settings, |settings, ports| {
        let MailPorts { store, ses } = ports;
        let post = match settings.transport {
            Transport::Mailbox => Post::Mailbox(Mailbox::new(store.clone())),
            Transport::Ses { sender } => Post::Ses(ses.from_sender(sender)),
        };
        NotificationHandler::new(Directory::new(store), post)
    })
    .await
}

/// What sends mail, as it was set.
enum Post {
    Mailbox(Mailbox<DynamoStore>),
    Ses(SesMailer),
}

impl Mailer for Post {
    async fn send(&self, mail: &Mail, attempt: &Attempt) -> Result<(), MailError> {
        match self {
            Self::Mailbox(mailbox) => mailbox.send(mail, attempt).await,
            Self::Ses(ses) => {
                let address = mail.address.as_deref().ok_or(MailError::NoAddress)?;
                let (text, token) = (&mail.text, &attempt.token);
                let sent = ses.send(address, &text.subject, &text.body, token).await;
                sent.map_err(mail_error)
            }
        }
    }
}

fn mail_error(failure: SesFailure) -> MailError {
    match failure {
        SesFailure::Refused(_) => MailError::Refused(failure.into()),
        SesFailure::Unverified(_) => MailError::SenderUnverified(failure.into()),
        SesFailure::Throttled(_) => MailError::Throttled(failure.into()),
        SesFailure::Unavailable(_) => MailError::Unavailable(failure.into()),
    }
}

fn problem(problem: Problem) -> SettingsProblem {
    SettingsProblem {
        name: problem.name,
        found: problem.found,
        expected: problem.expected.to_owned(),
    }
}
