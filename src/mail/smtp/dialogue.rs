//! One SMTP connection: commands out, replies in, byte for byte.
//!
//! Data in: command lines and a message. Data out: [`Reply`] or a [`Fault`].
//!
//! **Invariant:** no reply takes more than [`MAX_REPLY_BYTES`] of memory, whatever the server sends.
//! **Invariant:** bytes that came before TLS are never read as if they had come inside it.
//! **Invariant:** [`Dialogue::content_sent`] is true from the moment the final dot may have left.
//!
//! Rejected: lettre's `AsyncSmtpConnection`. Read in 0.11.23: it looks at the length of a line only once the line
//! has ended (a banner without end fills the memory), keeps bytes sent ahead of TLS in its buffer, takes an
//! 8-bit reply for a broken connection, and does not tell a stalled message from a missing reply. Its stream, TLS
//! and commands are used here.

use std::{
    fmt::{self, Display},
    io,
    net::IpAddr,
    str,
};

use futures_util::io::{AsyncReadExt, AsyncWriteExt};
#[expect(deprecated, reason = "the one way to lettre's TLS over a socket of our own; 0.11 keeps it")]
use lettre::transport::smtp::client::AsyncNetworkStream;
use lettre::transport::smtp::client::TlsParameters;
use tokio::net::TcpStream;

/// Most bytes of one reply; RFC 5321 §4.5.3.1.5 allows 512 a line, and EHLO lists some twenty.
pub(super) const MAX_REPLY_BYTES: usize = 32 * 1024;

/// A complete reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    /// 200 to 599.
    pub code: u16,
    /// Text of each line.
    pub lines: Vec<String>,
}

impl Reply {
    /// All lines as one, as the server sent them.
    pub(super) fn text(&self) -> String {
        self.lines.join(" ")
    }
}

/// Why there is no reply.
#[derive(Debug)]
pub(super) enum Fault {
    /// The connection broke.
    Broken(io::Error),
    /// What came is no reply.
    Garbage(String),
    /// The handshake failed over something that will fail again.
    Tls(String),
}

impl From<io::Error> for Fault {
    fn from(cause: io::Error) -> Self {
        Self::Broken(cause)
    }
}

/// See the module.
pub(super) struct Dialogue {
    #[expect(deprecated, reason = "as above")]
    stream: AsyncNetworkStream,
    /// Where to.
    pub peer: IpAddr,
    unread: Vec<u8>,
    /// The final dot of the present message may have reached the server.
    pub content_sent: bool,
    /// What the last EHLO told.
    pub extensions: Extensions,
}

impl fmt::Debug for Dialogue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dialogue({})", self.peer)
    }
}

/// What of the EHLO reply matters to us.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Extensions {
    pub starttls: bool,
    pub auth_plain: bool,
    pub auth_login: bool,
}

impl Extensions {
    pub(super) fn read(reply: &Reply) -> Self {
        let mut found = Self::default();
        for line in reply.lines.iter().skip(1) {
            let line = line.to_ascii_uppercase();
            // `AUTH=` is how servers older than RFC 2554 write it.
            let mut words = line.split([' ', '=']);
            match words.next() {
                Some("STARTTLS") => found.starttls = true,
                Some("AUTH") => words.for_each(|mechanism| {
                    found.auth_plain |= mechanism == "PLAIN";
                    found.auth_login |= mechanism == "LOGIN";
                }),
                _ => {}
            }
        }
        found
    }
}

#[expect(deprecated, reason = "as above")]
impl Dialogue {
    /// Over a connected socket, before the greeting.
    pub(super) fn new(socket: TcpStream) -> io::Result<Self> {
        let peer = socket.peer_addr()?.ip();
        let stream = AsyncNetworkStream::use_existing_tokio1(Box::new(socket));
        Ok(Self { stream, peer, unread: Vec::new(), content_sent: false, extensions: Extensions::default() })
    }

    /// Whether TLS is on.
    pub(super) fn is_encrypted(&self) -> bool {
        self.stream.is_encrypted()
    }

    /// Begins TLS.
    pub(super) async fn encrypt(&mut self, parameters: TlsParameters) -> Result<(), Fault> {
        if !self.unread.is_empty() {
            return Err(Fault::Garbage("the server sent more than its reply before TLS began".to_owned()));
        }
        self.stream.upgrade_tls(parameters).await.map_err(|error| {
            // lettre wraps what rustls and the system say in two errors of its own.
            let mut innermost: &(dyn std::error::Error + 'static) = &error;
            while let Some(source) = innermost.source() {
                innermost = source;
            }
            match innermost.downcast_ref::<io::Error>() {
                // rustls puts its own errors (certificate, protocol, alert) into this kind.
                Some(cause) if cause.kind() != io::ErrorKind::InvalidData => {
                    Fault::Broken(io::Error::new(cause.kind(), cause.to_string()))
                }
                _ => Fault::Tls(innermost.to_string()),
            }
        })
    }

    /// Sends one command (its CRLF included) and reads the reply.
    pub(super) async fn command(&mut self, command: impl Display) -> Result<Reply, Fault> {
        self.stream.write_all(command.to_string().as_bytes()).await?;
        self.stream.flush().await?;
        self.reply().await
    }

    /// Sends a message with its final dot in one go, and reads the reply.
    pub(super) async fn content(&mut self, message: &[u8]) -> Result<Reply, Fault> {
        let content = with_final_dot(message);
        let mut rest = content.as_slice();
        while !rest.is_empty() {
            let written = self.stream.write(rest).await?;
            if written == 0 {
                return Err(Fault::Broken(io::ErrorKind::WriteZero.into()));
            }
            rest = rest.get(written..).unwrap_or_default();
        }
        self.content_sent = true;
        self.stream.flush().await?;
        self.reply().await
    }

    /// Reads one reply of one or more lines (RFC 5321 §4.2.1).
    pub(super) async fn reply(&mut self) -> Result<Reply, Fault> {
        let mut lines = Vec::new();
        let mut size = 0;
        loop {
            let line = self.line(MAX_REPLY_BYTES.saturating_sub(size)).await?;
            size = size.saturating_add(line.len());
            let (code, last, text) = read_line(&line).ok_or_else(|| Fault::Garbage(line.clone()))?;
            lines.push((code, text.to_owned()));
            if last {
                let same = lines.iter().all(|(other, _)| *other == code);
                let lines = lines.into_iter().map(|(_, text)| text).collect();
                return if same { Ok(Reply { code, lines }) } else { Err(Fault::Garbage(line)) };
            }
        }
    }

    /// One line, its end included, of at most `max` bytes; bytes that are not UTF-8 become U+FFFD.
    async fn line(&mut self, max: usize) -> Result<String, Fault> {
        loop {
            let end = self.unread.iter().position(|b| *b == b'\n').map(|at| at.saturating_add(1));
            if end.unwrap_or(self.unread.len()) > max || max == 0 {
                return Err(Fault::Garbage(format!("longer than {MAX_REPLY_BYTES} bytes")));
            }
            if let Some(end) = end {
                let line: Vec<u8> = self.unread.drain(..end).collect();
                return Ok(String::from_utf8_lossy(&line).into_owned());
            }
            let mut buffer = [0; 4096];
            let count = self.stream.read(&mut buffer).await?;
            if count == 0 {
                return Err(Fault::Broken(io::ErrorKind::UnexpectedEof.into()));
            }
            self.unread.extend_from_slice(buffer.get(..count).unwrap_or_default());
        }
    }
}

/// Code, whether it is the last line, and text. A line of the code alone is a whole reply (RFC 5321 §4.2).
fn read_line(line: &str) -> Option<(u16, bool, &str)> {
    let line = line.trim_end_matches(['\r', '\n']);
    let (code, rest) = line.split_at_checked(3)?;
    let code = code.parse().ok().filter(|code| (200..=599).contains(code) && !line.starts_with('+'))?;
    match rest.split_at_checked(1) {
        None => Some((code, true, "")),
        Some((" ", text)) => Some((code, true, text)),
        Some(("-", text)) => Some((code, false, text)),
        Some(_) => None,
    }
}

/// Doubles dots at line starts and ends the message (RFC 5321 §4.5.2). `message` has CRLF line ends only.
fn with_final_dot(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len().saturating_add(64));
    for line in message.split_inclusive(|b| *b == b'\n') {
        if line.starts_with(b".") {
            out.push(b'.');
        }
        out.extend_from_slice(line);
    }
    if !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b".\r\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_are_doubled_and_the_end_is_added_once() {
        let check = |message: &str, want: &str| {
            assert_eq!(String::from_utf8(with_final_dot(message.as_bytes())).unwrap(), want);
        };
        check("a\r\nb\r\n", "a\r\nb\r\n.\r\n");
        check("a", "a\r\n.\r\n");
        check(".\r\n..\r\na.b\r\n", "..\r\n...\r\na.b\r\n.\r\n");
    }

    #[test]
    fn reply_lines_are_read_strictly() {
        let check =
            |line: &str, want: Option<(u16, bool, &str)>| assert_eq!(read_line(line), want, "{line:?}");
        check("250 ok\r\n", Some((250, true, "ok")));
        check("250-more\r\n", Some((250, false, "more")));
        check("250\r\n", Some((250, true, "")));
        check("250 \n", Some((250, true, "")));
        check("599 x\r\n", Some((599, true, "x")));
        check("600 x\r\n", None);
        check("199 x\r\n", None);
        check("+25 x\r\n", None);
        check("2500\r\n", None);
        check("HTTP/1.1 400 Bad Request\r\n", None);
        check("é50 x\r\n", None);
        check("\r\n", None);
    }

    #[test]
    fn extensions_are_found_in_any_spelling() {
        let read = |lines: &[&str]| {
            Extensions::read(&Reply { code: 250, lines: lines.iter().map(|l| (*l).to_owned()).collect() })
        };
        let all = Extensions { starttls: true, auth_plain: true, auth_login: true };
        assert_eq!(read(&["mail.example.org", "STARTTLS", "AUTH PLAIN LOGIN"]), all);
        assert_eq!(read(&["mail.example.org", "auth=login plain", "StartTLS"]), all);
        assert_eq!(read(&["STARTTLS AUTH PLAIN"]), Extensions::default());
        assert_eq!(read(&["x", "AUTH CRAM-MD5 XPLAIN", "XSTARTTLS"]), Extensions::default());
    }
}
