//! Mails kept in memory: tests of other modules, and dry runs.
//!
//! Data in: mails, and what is to go wrong with the next ones. Data out: the mails in order of acceptance, as
//! composed.
//!
//! **Invariant:** clones share their mails, so a test keeps one clone and gives the other away.
//!
//! Rejected: a mock of the transport's trait; there is no trait, and this one composes for real.

use std::{
    collections::{HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use super::{Accepted, Error, Identity, compose};
use crate::model::OutboundMail;

/// See the module.
#[derive(Debug, Clone)]
pub struct Memory {
    identity: Identity,
    state: Arc<Mutex<State>>,
    released: Arc<Notify>,
    stuck: Arc<Notify>,
}

#[derive(Debug, Default)]
struct State {
    sent: Vec<(OutboundMail, Vec<u8>)>,
    script: VecDeque<Fault>,
    refused: Vec<(String, u16)>,
    stalled: HashSet<String>,
}

#[derive(Debug)]
enum Fault {
    NotTaken(Error),
    Taken(Error),
}

impl Memory {
    /// Nothing sent, nothing scripted.
    pub fn new(identity: Identity) -> Self {
        Self { identity, state: Arc::default(), released: Arc::default(), stuck: Arc::default() }
    }

    /// All mails taken so far, in order, every attempt that got through.
    pub fn sent(&self) -> Vec<OutboundMail> {
        self.state().sent.iter().map(|(mail, _)| mail.clone()).collect()
    }

    /// The same as composed messages.
    pub fn messages(&self) -> Vec<Vec<u8>> {
        self.state().sent.iter().map(|(_, message)| message.clone()).collect()
    }

    /// The next send fails with `error` and takes nothing. Several calls queue up.
    pub fn fail_next(&self, error: Error) {
        self.state().script.push_back(Fault::NotTaken(error));
    }

    /// The next send takes the mail and fails all the same, as when the server's reply gets lost.
    pub fn take_next_and_fail(&self, error: Error) {
        self.state().script.push_back(Fault::Taken(error));
    }

    /// Every mail to `address` is refused with `code` as at `RCPT TO`, until it is called with another code; a
    /// code below 400 takes the mails again.
    pub fn refuse(&self, address: &str, code: u16) {
        let mut state = self.state();
        state.refused.retain(|(refused, _)| refused != address);
        state.refused.push((address.to_owned(), code));
    }

    /// Mails to `address` get no answer until it is called with `false`.
    pub fn stall(&self, address: &str, stalled: bool) {
        if stalled {
            self.state().stalled.insert(address.to_owned());
        } else {
            self.state().stalled.remove(address);
            self.released.notify_waiters();
        }
    }

    /// Returns once a mail waits for an answer; each such mail is told of once.
    pub async fn stuck(&self) {
        self.stuck.notified().await;
    }

    /// Returns once mails to this recipient get answers.
    pub(super) async fn answering(&self, mail: &OutboundMail) {
        let mut is_told = false;
        loop {
            let released = self.released.notified();
            if !self.state().stalled.contains(mail.to.address()) {
                return;
            }
            if !is_told {
                self.stuck.notify_one();
                is_told = true;
            }
            released.await;
        }
    }

    pub(super) fn send(&self, mail: &OutboundMail) -> Result<Accepted, Error> {
        let message = compose(&self.identity, mail)?;
        let mut state = self.state();
        let code =
            state.refused.iter().find(|(address, _)| address == mail.to.address()).map(|(_, code)| *code);
        if let Some(code @ 400..) = code {
            return Err(Error::Refused {
                phase: super::Phase::Recipient,
                code,
                reply: "scripted refusal".to_owned(),
            });
        }
        let fault = state.script.pop_front();
        if let Some(Fault::NotTaken(error)) = fault {
            return Err(error);
        }
        state.sent.push((mail.clone(), message));
        match fault {
            Some(Fault::Taken(error)) => Err(error),
            _ => Ok(Accepted { reply: format!("250 kept as {}", state.sent.len()) }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        mail::{
            Transport,
            samples::{identity, mail},
        },
        model::Retry,
    };

    fn lost() -> Error {
        Error::Ambiguous { cause: "scripted".to_owned() }
    }

    #[tokio::test]
    async fn faults_come_in_the_order_they_were_scripted() {
        let memory = Memory::new(identity());
        let mut transport = Transport::Memory(memory.clone());
        memory.fail_next(lost());
        memory.take_next_and_fail(lost());
        assert!(matches!(transport.send(&mail("a1", "r@example.com")).await, Err(Error::Ambiguous { .. })));
        assert_eq!(memory.sent().len(), 0);
        assert!(matches!(transport.send(&mail("a2", "r@example.com")).await, Err(Error::Ambiguous { .. })));
        assert_eq!(transport.send(&mail("a3", "r@example.com")).await.unwrap().reply, "250 kept as 2");
        let ids: Vec<String> = memory.sent().into_iter().map(|m| m.id.0).collect();
        assert_eq!(ids, ["a2", "a3"]);
        assert_eq!(memory.messages()[1], compose(&identity(), &mail("a3", "r@example.com")).unwrap());
    }

    #[tokio::test]
    async fn one_recipient_can_be_refused_while_others_are_taken() {
        let memory = Memory::new(identity());
        let mut transport = Transport::Memory(memory.clone());
        memory.refuse("gone@example.com", 550);
        let refused = transport.send(&mail("a1", "gone@example.com")).await.unwrap_err();
        assert_eq!(refused.retry(), Retry::Never);
        assert!(transport.send(&mail("a2", "r@example.com")).await.is_ok());
        memory.refuse("gone@example.com", 450);
        assert_eq!(
            transport.send(&mail("a1", "gone@example.com")).await.unwrap_err().retry(),
            Retry::Backoff
        );
        memory.refuse("gone@example.com", 250);
        assert!(transport.send(&mail("a1", "gone@example.com")).await.is_ok());
    }
}
