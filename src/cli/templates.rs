//! `wirewatch mail templates`: which templates there are, and copies of them to start from.
//!
//! Data in: the configuration, a folder. Data out: a table, or files.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use clap::Args;

use super::{ConfigArg, Failure, Outcome, output::say};
use crate::render;

#[derive(Debug, Args)]
pub(super) struct TemplatesArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Write the program's own templates into this folder, to change them there; files that exist stay as they are
    #[arg(long, value_name = "DIR")]
    write: Option<PathBuf>,
}

pub(super) fn templates(args: &TemplatesArgs) -> Outcome {
    match &args.write {
        Some(folder) => write(folder),
        None => list(&args.config),
    }
}

fn write(folder: &Path) -> Outcome {
    let (mut written, mut kept) = (0, 0);
    for (name, source) in render::builtin_templates() {
        let path = folder.join(name);
        if path.exists() {
            kept += 1;
            continue;
        }
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
        }
        fs::write(&path, source).with_context(|| format!("cannot write {}", path.display()))?;
        written += 1;
    }
    say!("{written} templates written to {}; {kept} were there and stay as they are", folder.display());
    say!("keep those you change, remove the others: they come from the program then, and follow its updates");
    say!("then write templates = \"{}\" under [mail], and run `wirewatch check`", folder.display());
    Ok(ExitCode::SUCCESS)
}

fn list(config: &ConfigArg) -> Outcome {
    let folder = match config.load() {
        Ok(config) => config.mail.templates,
        // Without a configuration there are those of the program.
        Err(_) if config.config.is_none() && !config.path().exists() => None,
        Err(failure) => return Err::<_, Failure>(failure),
    };
    for (name, _) in render::builtin_templates() {
        let own = folder.as_ref().map(|folder| folder.join(name)).filter(|path| path.exists());
        match own {
            Some(path) => say!("{name:<22}  {}", path.display()),
            None => say!("{name:<22}  of the program"),
        }
    }
    Ok(ExitCode::SUCCESS)
}
