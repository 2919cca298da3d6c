//! Threads that own SQLite connections, and the channel jobs reach them by.
//!
//! **Invariant:** one thread writes; each job is one transaction, begun `IMMEDIATE`, and is rolled back whole
//! unless it returns `Ok`. Before each commit the epoch is compared, so a writer that lost the store cannot write.
//!
//! Rejected: a connection pool. SQLite has one writer; a second connection only adds waiting and, in older
//! versions, lost commits.

use std::thread;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use super::Error;

/// Jobs that may wait for a connection before callers wait themselves.
const QUEUE: usize = 64;

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

enum Message {
    Run(Job),
    Stop(oneshot::Sender<()>),
}

/// The sending end of one connection's thread.
#[derive(Debug, Clone)]
pub(super) struct Worker {
    jobs: mpsc::Sender<Message>,
}

impl Worker {
    /// Starts a thread that owns `connection`; `keep` lives as long as the thread does.
    pub(super) fn start<K: Send + 'static>(
        name: &str,
        mut connection: Connection,
        keep: K,
    ) -> Result<Self, Error> {
        let (jobs, mut queue) = mpsc::channel::<Message>(QUEUE);
        thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                let mut stopped = None;
                while let Some(message) = queue.blocking_recv() {
                    match message {
                        Message::Run(job) => job(&mut connection),
                        Message::Stop(done) => {
                            stopped = Some(done);
                            break;
                        }
                    }
                }
                drop(connection);
                drop(keep);
                if let Some(done) = stopped {
                    let _ = done.send(());
                }
            })
            .map_err(|e| Error::Sqlite(Box::new(e)))?;
        Ok(Self { jobs })
    }

    /// Runs `job` on the thread and returns its answer. Once sent, the job runs to its end even if the caller is
    /// dropped.
    pub(super) async fn call<T, F>(&self, job: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection) -> Result<T, Error> + Send + 'static,
    {
        let (answer, wait) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let _ = answer.send(job(connection));
        });
        self.jobs.send(Message::Run(job)).await.map_err(|_| Error::Closed)?;
        wait.await.map_err(|_| Error::Closed)?
    }

    /// [`Worker::call`] inside one transaction that commits only while `epoch` is still ours.
    pub(super) async fn transact<T, F>(&self, epoch: i64, job: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T, Error> + Send + 'static,
    {
        self.call(move |connection| {
            let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let answer = job(&tx)?;
            let in_force: i64 = tx
                .prepare_cached("SELECT value FROM meta WHERE key = 'epoch'")?
                .query_row([], |row| row.get(0))?;
            if in_force != epoch {
                return Err(Error::Fenced);
            }
            tx.commit()?;
            Ok(answer)
        })
        .await
    }

    /// Ends the thread after the jobs sent before; returns once its connection is closed. Later calls get
    /// [`Error::Closed`].
    pub(super) async fn close(&self) {
        let (done, wait) = oneshot::channel();
        if self.jobs.send(Message::Stop(done)).await.is_ok() {
            let _ = wait.await;
        }
    }
}
