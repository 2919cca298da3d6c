//! A mail server for tests that misbehaves by script. It runs on a thread of its own on loopback, takes one
//! connection after the other, and writes down all it hears.
//!
//! Data in: a [`Script`] for each connection, the last one for all that follow. Data out: commands and messages.
//!
//! **Invariant:** it never waits for time to pass: a hang lasts until the client closes the connection.
//!
//! Rejected: a server on the runtime under test, whose stalls would be the runtime's.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
};

#[derive(Debug, Clone, Copy)]
pub(super) enum Act {
    /// Answer with these bytes.
    Say(&'static str),
    /// Answer with these bytes and close.
    SayAndClose(&'static str),
    /// Answer with these bytes and then no more.
    SayAndHang(&'static str),
    /// Never answer.
    Hang,
    /// Close without an answer.
    Close,
    /// Send these bytes again and again until the client closes.
    Flood(&'static str),
}

use Act::{Close, Flood, Hang, Say, SayAndClose, SayAndHang};

/// What to do at each point. The default is a server that takes everything and offers nothing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Script {
    pub greeting: Act,
    pub hello: Act,
    pub starttls: Act,
    pub auth: Act,
    pub mail: Act,
    pub rcpt: Act,
    pub data: Act,
    pub dot: Act,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            greeting: Say("220 test ready\r\n"),
            hello: Say("250-test\r\n250 8BITMIME\r\n"),
            starttls: Say("220 go ahead\r\n"),
            auth: Say("235 welcome\r\n"),
            mail: Say("250 sender fine\r\n"),
            rcpt: Say("250 recipient fine\r\n"),
            data: Say("354 go on\r\n"),
            dot: Say("250 2.0.0 queued\r\n"),
        }
    }
}

#[derive(Debug, Default)]
struct Heard {
    /// Number of the connection, from 0, and the line.
    lines: Vec<(usize, String)>,
    messages: Vec<String>,
    stop: bool,
}

pub(super) struct Server {
    pub address: SocketAddr,
    heard: Arc<Mutex<Heard>>,
}

impl Server {
    pub(super) fn start(scripts: Vec<Script>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::new(Mutex::new(Heard::default()));
        let hears = heard.clone();
        std::thread::spawn(move || {
            for (number, socket) in listener.incoming().enumerate() {
                if hears.lock().unwrap().stop {
                    return;
                }
                let script = scripts.get(number).or(scripts.last()).copied().unwrap_or_default();
                serve(number, socket.unwrap(), script, &hears);
            }
        });
        Self { address, heard }
    }

    /// Messages that came whole, dots undone, whatever was answered.
    pub(super) fn messages(&self) -> Vec<String> {
        self.heard.lock().unwrap().messages.clone()
    }

    /// Commands by connection.
    pub(super) fn lines(&self) -> Vec<(usize, String)> {
        self.heard.lock().unwrap().lines.clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Ok(mut heard) = self.heard.lock() {
            heard.stop = true;
        }
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(number: usize, socket: TcpStream, script: Script, heard: &Mutex<Heard>) {
    socket.set_nodelay(true).unwrap();
    let mut reader = BufReader::new(socket.try_clone().unwrap());
    let mut go_on = answer(script.greeting, &socket, &mut reader);
    while go_on {
        let mut line = String::new();
        if !matches!(reader.read_line(&mut line), Ok(1..)) {
            return;
        }
        let line = line.trim_end().to_owned();
        heard.lock().unwrap().lines.push((number, line.clone()));
        go_on = match line.split([' ', ':']).next().unwrap_or_default() {
            "EHLO" => answer(script.hello, &socket, &mut reader),
            "STARTTLS" => answer(script.starttls, &socket, &mut reader),
            "AUTH" => answer(script.auth, &socket, &mut reader),
            "MAIL" => answer(script.mail, &socket, &mut reader),
            "RCPT" => answer(script.rcpt, &socket, &mut reader),
            "DATA" => {
                answer(script.data, &socket, &mut reader)
                    && (!matches!(script.data, Say(reply) if reply.starts_with("354"))
                        || take_message(&mut reader, heard) && answer(script.dot, &socket, &mut reader))
            }
            "QUIT" => answer(SayAndClose("221 bye\r\n"), &socket, &mut reader),
            "NOOP" => answer(Say("250 still here\r\n"), &socket, &mut reader),
            // Answers to AUTH LOGIN.
            "ZGVzaw==" => answer(Say("334 UGFzc3dvcmQ6\r\n"), &socket, &mut reader),
            "aHVudGVyMg==" => answer(Say("235 welcome\r\n"), &socket, &mut reader),
            _ => answer(Say("500 what\r\n"), &socket, &mut reader),
        };
    }
}

/// False when the connection is over.
fn answer(act: Act, mut socket: &TcpStream, reader: &mut impl Read) -> bool {
    match act {
        Say(reply) => socket.write_all(reply.as_bytes()).is_ok(),
        SayAndClose(reply) => {
            let _ = socket.write_all(reply.as_bytes());
            false
        }
        SayAndHang(reply) => socket.write_all(reply.as_bytes()).is_ok() && answer(Hang, socket, reader),
        Hang => {
            let mut buffer = [0; 1024];
            while matches!(reader.read(&mut buffer), Ok(1..)) {}
            false
        }
        Close => false,
        Flood(bytes) => {
            while socket.write_all(bytes.as_bytes()).is_ok() {}
            false
        }
    }
}

fn take_message(reader: &mut impl BufRead, heard: &Mutex<Heard>) -> bool {
    let mut message = String::new();
    loop {
        let mut line = String::new();
        if !matches!(reader.read_line(&mut line), Ok(1..)) {
            return false;
        }
        if line == ".\r\n" {
            heard.lock().unwrap().messages.push(message);
            return true;
        }
        message.push_str(line.strip_prefix('.').unwrap_or(&line));
    }
}
