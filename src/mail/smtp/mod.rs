//! Hands mails to an SMTP server, over lettre's TLS and commands, on a socket of our own.
//!
//! Data in: [`SmtpOptions`] and mails. Data out: the server's words, or where and why it failed.
//!
//! **Invariant:** every wait has its own time limit ([`Timeouts`]).
//! **Invariant:** a connection is kept only between two mails of one batch that both went well; a send that fails,
//! times out or is dropped leaves none behind.
//! **Invariant:** one recipient an envelope, so that one refusal concerns one mail.
//! **Invariant:** the login leaves this machine inside TLS only.
//!
//! Rejected: keeping connections between batches; servers close them (421) and the next mail pays for it.

mod dialogue;
mod options;

use std::{fmt::Display, future::Future, io, net::IpAddr, time::Duration};

use lettre::transport::smtp::{
    authentication::{Credentials, Mechanism},
    client::{Certificate, TlsParameters},
    commands::{Auth, Data, Ehlo, Mail, Noop, Quit, Rcpt, Starttls},
    extension::ClientId,
};
use tokio::{
    net::{TcpStream, lookup_host},
    time::timeout,
};

pub use self::options::{InvalidSmtpUrl, Security, SmtpOptions, SmtpUrl, StartTls, Timeouts};
use self::{
    dialogue::{Dialogue, Extensions, Fault, Reply},
    options::MAX_ADDRESSES,
};
use super::{
    Accepted, Error, Identity, Phase, compose, compose::address, error::clean_reply, identity::is_host_name,
};
use crate::model::OutboundMail;

/// A mail server and, within a batch, the open connection to it.
#[derive(Debug)]
pub struct Smtp {
    options: SmtpOptions,
    identity: Identity,
    tls: Option<TlsParametersCache>,
    open: Option<Dialogue>,
}

/// Reading the system's certificates takes some milliseconds, so the result is kept.
struct TlsParametersCache(TlsParameters);

impl std::fmt::Debug for TlsParametersCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TlsParameters")
    }
}

impl Smtp {
    /// Connects with the first mail.
    pub fn new(options: SmtpOptions, identity: Identity) -> Self {
        Self { options, identity, tls: None, open: None }
    }

    pub(super) async fn send(&mut self, mail: &OutboundMail) -> Result<Accepted, Error> {
        let message = compose(&self.identity, mail)?;
        let sender = address(self.identity.from().address().address())?;
        let recipient = address(mail.to.address())?;
        let begin = Mail::new(Some(sender), Vec::new());
        let mut dialogue = match self.open.take() {
            None => self.connected_and_begun(&begin).await?,
            Some(mut kept) => match self.command(&mut kept, Phase::Sender, &begin).await {
                Ok(_) => kept,
                // Nothing of this mail has been said but that it comes.
                Err(error) if error.is_stale_connection() => self.connected_and_begun(&begin).await?,
                Err(error) => return Err(error),
            },
        };
        self.command(&mut dialogue, Phase::Recipient, Rcpt::new(recipient, Vec::new())).await?;
        self.command(&mut dialogue, Phase::Data, Data).await?;
        let reply = self.content(&mut dialogue, &message).await?;
        self.open = Some(dialogue);
        Ok(Accepted { reply: clean_reply(&format!("{} {}", reply.code, reply.text())) })
    }

    pub(super) async fn finish(&mut self) {
        if let Some(mut dialogue) = self.open.take() {
            let _ = timeout(self.options.timeouts.quit, dialogue.command(Quit)).await;
        }
    }

    pub(super) async fn probe(&mut self) -> Result<String, Error> {
        self.finish().await;
        let mut dialogue = self.connect().await?;
        self.command(&mut dialogue, Phase::Noop, Noop).await?;
        let security = if dialogue.is_encrypted() { "encrypted" } else { "not encrypted" };
        let login = if self.options.login.is_some() { "login accepted" } else { "no login" };
        self.open = Some(dialogue);
        self.finish().await;
        Ok(format!("{} answers; {security}, {login}", self.options.url))
    }

    async fn connected_and_begun(&mut self, begin: &Mail) -> Result<Dialogue, Error> {
        let mut dialogue = self.connect().await?;
        self.command(&mut dialogue, Phase::Sender, begin).await?;
        Ok(dialogue)
    }

    /// A connection on which a mail can begin.
    async fn connect(&mut self) -> Result<Dialogue, Error> {
        let url = &self.options.url;
        let limits = self.options.timeouts;
        let socket = open_socket(&url.host, url.port, limits.connect)
            .await
            .map_err(|cause| Error::Unreachable { server: url.server(), cause })?;
        let hello = hello(self.options.hello.as_deref(), socket.local_addr().map(|local| local.ip()).ok());
        let broken = |cause| Error::Broken { phase: Phase::Connect, cause };
        let mut dialogue = Dialogue::new(socket).map_err(broken)?;
        if self.options.url.security == Security::Implicit {
            self.encrypt(&mut dialogue).await?;
        }
        let greeting = within(Phase::Greeting, limits.command, dialogue.reply()).await?;
        self.expect(Phase::Greeting, greeting)?;
        self.hello(&mut dialogue, &hello).await?;
        if !dialogue.is_encrypted() && self.options.starttls != StartTls::None {
            if dialogue.extensions.starttls {
                self.command(&mut dialogue, Phase::Tls, Starttls).await?;
                self.encrypt(&mut dialogue).await?;
                // What was told in the clear does not count any more (RFC 3207 §4.2).
                self.hello(&mut dialogue, &hello).await?;
            } else if self.options.starttls == StartTls::Required {
                return Err(Error::NoStartTls { server: self.options.url.server() });
            }
        }
        self.login(&mut dialogue).await?;
        Ok(dialogue)
    }

    async fn hello(&self, dialogue: &mut Dialogue, name: &ClientId) -> Result<(), Error> {
        let reply = self.command(dialogue, Phase::Hello, Ehlo::new(name.clone())).await?;
        dialogue.extensions = Extensions::read(&reply);
        Ok(())
    }

    async fn encrypt(&mut self, dialogue: &mut Dialogue) -> Result<(), Error> {
        let failed =
            |cause: String| Error::Tls { server: self.options.url.server(), cause: clean_reply(&cause) };
        let parameters = match &self.tls {
            Some(TlsParametersCache(known)) => known.clone(),
            None => tls_parameters(&self.options).map_err(|error| failed(error.to_string()))?,
        };
        self.tls = Some(TlsParametersCache(parameters.clone()));
        match timeout(self.options.timeouts.tls, dialogue.encrypt(parameters)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(Fault::Tls(cause))) => {
                Err(Error::Tls { server: self.options.url.server(), cause: clean_reply(&cause) })
            }
            Ok(Err(fault)) => Err(failure(Phase::Tls, fault)),
            Err(_) => Err(Error::TimedOut { phase: Phase::Tls, after: self.options.timeouts.tls }),
        }
    }

    async fn login(&self, dialogue: &mut Dialogue) -> Result<(), Error> {
        let Some((user, password)) = &self.options.login else { return Ok(()) };
        let server = || self.options.url.server();
        if !may_login(dialogue.is_encrypted(), dialogue.peer) {
            return Err(Error::PlaintextLogin { server: server() });
        }
        let credentials = Credentials::new(user.clone(), password.reveal().to_owned());
        // lettre's names for the two questions of AUTH LOGIN; it answers them with user and password.
        let steps: &[Option<&str>] = match dialogue.extensions {
            Extensions { auth_plain: true, .. } => &[None],
            Extensions { auth_login: true, .. } => &[None, Some("Username:"), Some("Password:")],
            _ => return Err(Error::NoLoginMechanism { server: server() }),
        };
        let mechanism = if steps.len() == 1 { Mechanism::Plain } else { Mechanism::Login };
        for (n, step) in steps.iter().enumerate() {
            let auth = Auth::new(mechanism, credentials.clone(), step.map(str::to_owned));
            let auth = auth.map_err(|_| Error::NoLoginMechanism { server: server() })?;
            let reply = within(Phase::Login, self.options.timeouts.command, dialogue.command(auth)).await?;
            let want = if n.saturating_add(1) == steps.len() { 235 } else { 334 };
            expect_code(Phase::Login, reply, &[want])?;
        }
        Ok(())
    }

    async fn command(
        &self,
        dialogue: &mut Dialogue,
        phase: Phase,
        command: impl Display,
    ) -> Result<Reply, Error> {
        let reply = within(phase, self.options.timeouts.command, dialogue.command(command)).await?;
        self.expect(phase, reply)
    }

    fn expect(&self, phase: Phase, reply: Reply) -> Result<Reply, Error> {
        // RFC 5321 §4.3.2.
        let codes: &[u16] = match phase {
            Phase::Connect | Phase::Greeting | Phase::Tls => &[220],
            Phase::Login => &[235],
            Phase::Recipient => &[250, 251, 252],
            Phase::Data => &[354],
            Phase::Hello | Phase::Sender | Phase::Content | Phase::Noop => &[250],
        };
        expect_code(phase, reply, codes)
    }

    async fn content(&self, dialogue: &mut Dialogue, message: &[u8]) -> Result<Reply, Error> {
        dialogue.content_sent = false;
        let limit = self.options.timeouts.content;
        let reply = within(Phase::Content, limit, dialogue.content(message)).await;
        match reply.and_then(|reply| self.expect(Phase::Content, reply)) {
            Err(refused @ Error::Refused { .. }) => Err(refused),
            Err(unclear) if dialogue.content_sent => Err(Error::Ambiguous { cause: unclear.to_string() }),
            other => other,
        }
    }
}

/// Connects with Nagle's algorithm off: a dialogue is many small writes, each waiting for its answer.
async fn open_socket(host: &str, port: u16, limit: Duration) -> io::Result<TcpStream> {
    let late = || io::Error::from(io::ErrorKind::TimedOut);
    let addresses = timeout(limit, lookup_host((host, port))).await.map_err(|_| late())??;
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses.take(MAX_ADDRESSES) {
        match timeout(limit, TcpStream::connect(address)).await {
            Ok(Ok(socket)) => {
                socket.set_nodelay(true)?;
                return Ok(socket);
            }
            Ok(Err(cause)) => last = cause,
            Err(_) => last = late(),
        }
    }
    Err(last)
}

async fn within<T>(
    phase: Phase,
    limit: Duration,
    work: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Error> {
    match timeout(limit, work).await {
        Ok(done) => done.map_err(|fault| failure(phase, fault)),
        Err(_) => Err(Error::TimedOut { phase, after: limit }),
    }
}

fn failure(phase: Phase, fault: Fault) -> Error {
    match fault {
        Fault::Broken(cause) => Error::Broken { phase, cause },
        Fault::Garbage(reply) | Fault::Tls(reply) => Error::Protocol { phase, reply: clean_reply(&reply) },
    }
}

fn expect_code(phase: Phase, reply: Reply, codes: &[u16]) -> Result<Reply, Error> {
    let code = reply.code;
    if codes.contains(&code) {
        return Ok(reply);
    }
    let text = clean_reply(&reply.text());
    if code >= 400 {
        return Err(Error::Refused { phase, code, reply: text });
    }
    Err(Error::Protocol { phase, reply: clean_reply(&format!("{code} {text}")) })
}

/// Inside TLS, or to a server on this machine.
fn may_login(encrypted: bool, peer: IpAddr) -> bool {
    encrypted || peer.to_canonical().is_loopback()
}

/// The configured or the machine's name where it is fit for `EHLO`, otherwise our address (RFC 5321 §4.1.4).
fn hello(configured: Option<&str>, local: Option<IpAddr>) -> ClientId {
    let id = configured.map_or_else(ClientId::default, |name| ClientId::Domain(name.to_owned()));
    match (id, local) {
        (ClientId::Domain(name), _) if is_host_name(&name) => ClientId::Domain(name),
        (_, Some(IpAddr::V4(address))) => ClientId::Ipv4(address),
        (_, Some(IpAddr::V6(address))) => ClientId::Ipv6(address),
        (_, None) => ClientId::Domain("localhost".to_owned()),
    }
}

fn tls_parameters(options: &SmtpOptions) -> Result<TlsParameters, lettre::transport::smtp::Error> {
    let any_certificate = options.url.security == Security::Plain
        && options.starttls == StartTls::Opportunistic
        && options.login.is_none();
    let mut builder =
        TlsParameters::builder(options.url.host.clone()).dangerous_accept_invalid_certs(any_certificate);
    if let Some(pem) = &options.extra_ca {
        builder = builder.add_root_certificate(Certificate::from_pem(pem)?);
    }
    builder.build()
}

#[cfg(test)]
mod server;
#[cfg(test)]
mod tests;
