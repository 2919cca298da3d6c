//! A mail server on loopback that takes everything, and can be told to hold back its last answer.

use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::Duration,
};

/// One mail as it arrived.
#[derive(Debug, Clone)]
pub struct Received {
    pub to: String,
    pub message: String,
}

impl Received {
    /// First header of that name, unfolded.
    pub fn header(&self, name: &str) -> Option<String> {
        let head = self.message.split("\r\n\r\n").next()?.replace("\r\n ", " ").replace("\r\n\t", " ");
        let prefix = format!("{}:", name.to_lowercase());
        head.lines()
            .find(|line| line.to_lowercase().starts_with(&prefix))
            .map(|l| l[prefix.len()..].trim().to_owned())
    }
}

#[derive(Debug, Default)]
struct State {
    mails: Mutex<Vec<Received>>,
    silent: Mutex<bool>,
    changed: Condvar,
}

/// The server; it ends with the process.
#[derive(Debug)]
pub struct Sink {
    address: SocketAddr,
    state: Arc<State>,
    arrivals: Receiver<Received>,
}

impl Sink {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state: Arc<State> = Arc::default();
        let (arrived, arrivals) = channel();
        let shared = state.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (shared, arrived) = (shared.clone(), arrived.clone());
                thread::spawn(move || drop(serve(&stream, &shared, &arrived)));
            }
        });
        Self { address, state, arrivals }
    }

    /// `smtp://…` of this server.
    pub fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    /// While silent, mails are taken but the answer to the final dot never comes.
    pub fn be_silent(&self, silent: bool) {
        *self.state.silent.lock().unwrap() = silent;
        self.state.changed.notify_all();
    }

    /// Waits for the next mail to arrive whole.
    pub fn next(&self) -> Received {
        self.next_within(Duration::from_secs(60)).expect("no mail arrived within a minute")
    }

    /// The next mail to arrive whole, unless none does for so long.
    pub fn next_within(&self, patience: Duration) -> Option<Received> {
        self.arrivals.recv_timeout(patience).ok()
    }

    /// Everything that arrived so far.
    pub fn mails(&self) -> Vec<Received> {
        self.state.mails.lock().unwrap().clone()
    }
}

fn serve(stream: &TcpStream, state: &State, arrived: &Sender<Received>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut out = stream;
    let mut lines = BufReader::new(stream).lines();
    out.write_all(b"220 sink.test ESMTP\r\n")?;
    let mut to = String::new();
    while let Some(line) = lines.next().transpose()? {
        let verb = line.split(' ').next().unwrap_or_default().to_uppercase();
        match verb.as_str() {
            "EHLO" => out.write_all(b"250-sink.test\r\n250-8BITMIME\r\n250 SIZE 10000000\r\n")?,
            "RCPT" => {
                to = line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
                out.write_all(b"250 ok\r\n")?;
            }
            "DATA" => {
                out.write_all(b"354 go on\r\n")?;
                let mut message = String::new();
                for line in lines.by_ref() {
                    match line?.as_str() {
                        "." => break,
                        line => message.push_str(&format!("{}\r\n", line.strip_prefix('.').unwrap_or(line))),
                    }
                }
                let mail = Received { to: to.clone(), message };
                state.mails.lock().unwrap().push(mail.clone());
                let _ = arrived.send(mail);
                let silent = state.silent.lock().unwrap();
                drop(state.changed.wait_while(silent, |silent| *silent).unwrap());
                out.write_all(b"250 2.0.0 taken\r\n")?;
            }
            "QUIT" => {
                out.write_all(b"221 bye\r\n")?;
                return Ok(());
            }
            _ => out.write_all(b"250 ok\r\n")?,
        }
    }
    Ok(())
}
