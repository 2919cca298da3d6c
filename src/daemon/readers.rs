//! The threads that read bodies: parse, match, route.
//!
//! Data in: work for the processor and the size of the body it is about. Data out: what the work gave.
//!
//! **Invariant:** bodies larger than [`SMALL_BODY_BYTES`] are read one after another by one thread, all others by
//! another: a large one holds up no small one.
//! **Invariant:** the threads last, and each has a stack of [`STACK_BYTES`].
//! **Invariant:** work that breaks down ends in `None`, and the next work is done as ever.
//!
//! Rejected: a blocking task for each body. Any of the runtime's many threads would take it, and the allocator keeps for
//! each thread what a hostile body, many times its size while it is read, once needed (measured: 59 of them left 219 to
//! 271 MiB resident). Rejected: more threads: reading a body costs a tenth of recording it, which is one thread's.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc,
    thread,
};

use tokio::sync::oneshot;

/// The largest body that is read beside a large one.
const SMALL_BODY_BYTES: usize = 1024 * 1024;
/// Stack of a thread, more than reading needs of it.
const STACK_BYTES: usize = 4 * 1024 * 1024;

type Work = Box<dyn FnOnce() + Send>;

/// The threads; clones share them. They end with the last clone.
#[derive(Debug, Clone)]
pub(super) struct Readers {
    small: Option<mpsc::Sender<Work>>,
    large: Option<mpsc::Sender<Work>>,
}

impl Default for Readers {
    fn default() -> Self {
        Self { small: start("reader"), large: start("reader-large") }
    }
}

/// Starts a thread; `None` when none can be had.
fn start(name: &str) -> Option<mpsc::Sender<Work>> {
    // No longer than there are visits under way.
    let (sender, queue) = mpsc::channel::<Work>();
    let thread = thread::Builder::new().name(name.to_owned()).stack_size(STACK_BYTES);
    match thread.spawn(move || queue.iter().for_each(|work| work())) {
        Ok(_) => Some(sender),
        Err(error) => {
            tracing::error!("there is no thread to read feeds with: {error}");
            None
        }
    }
}

impl Readers {
    /// Does `work`, which reads a body of so many bytes, once it is its turn. `None` when it broke down. Work that nobody
    /// waits for any more is done all the same.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        bytes: usize,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let reader = if bytes > SMALL_BODY_BYTES { &self.large } else { &self.small };
        let (answer, wait) = oneshot::channel();
        let work: Work = Box::new(move || {
            if let Ok(done) = catch_unwind(AssertUnwindSafe(work)) {
                let _ = answer.send(done);
            }
        });
        reader.as_ref()?.send(work).ok()?;
        wait.await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name() -> Option<String> {
        thread::current().name().map(str::to_owned)
    }

    #[tokio::test]
    async fn a_body_of_a_mebibyte_is_read_beside_a_large_one_and_one_more_byte_is_large() {
        let readers = Readers::default();
        let (go, wait) = mpsc::channel::<()>();
        let large = readers.read(SMALL_BODY_BYTES + 1, move || (wait.recv().is_ok(), name()));
        // Comes to its end while the large one is being read.
        let small = async {
            let small = readers.read(SMALL_BODY_BYTES, name).await;
            go.send(()).unwrap();
            small
        };
        let (large, small) = tokio::join!(large, small);
        assert_eq!(small, Some(Some("reader".to_owned())));
        assert_eq!(large, Some((true, Some("reader-large".to_owned()))));
    }

    #[tokio::test]
    async fn work_that_breaks_down_is_nothing_and_the_thread_goes_on() {
        let readers = Readers::default();
        assert_eq!(readers.read(0, || -> u8 { std::panic::resume_unwind(Box::new("broken")) }).await, None);
        assert_eq!(readers.clone().read(0, || 7).await, Some(7));
    }
}
