//! The lock file that keeps a second writer away.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Seek, Write},
    path::Path,
};

use super::Error;

/// Held for as long as it lives; the kernel lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock beside the database and writes our process id into it.
    pub(super) fn take(path: &Path) -> Result<Self, Error> {
        let open = |source: std::io::Error| Error::Open { path: path.to_owned(), source: Box::new(source) };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(open)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _ = file.read_to_string(&mut holder);
                return Err(Error::Locked { path: path.to_owned(), pid: holder.trim().parse().ok() });
            }
            Err(TryLockError::Error(source)) => return Err(open(source)),
        }
        file.set_len(0).map_err(open)?;
        file.rewind().map_err(open)?;
        writeln!(file, "{}", std::process::id()).map_err(open)?;
        Ok(Self { _file: file })
    }
}
