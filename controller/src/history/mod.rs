//! [`History`]: recorded observations, one a line, as somebody gives them to `weir judge`. Owns the reading: a file is read line by line
//! and never held as a whole; `line` checks one of them, `fields` reads its objects, `faults` keeps what is wrong with them.
//!
//! What the controller stored itself is read with the observation's own types and not here: a file may come from anywhere, so it is held
//! to the letter.
mod faults;
mod fields;
mod line;
#[cfg(test)]
mod tests;

pub(crate) use faults::Faults;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};

use crate::observation::Observation;

/// Where it is.
#[derive(Debug)]
pub(crate) struct History {
    name: String,
    source: Source,
}

#[derive(Debug)]
enum Source {
    File(PathBuf),
    /// What can be read only once: standard input, a pipe.
    Kept(Vec<u8>),
}

impl History {
    /// A file, or standard input if it is `-`.
    ///
    /// # Errors
    /// It can't be read.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let mut kept = Vec::new();
        if path == Path::new("-") {
            io::stdin().read_to_end(&mut kept)?;
            return Ok(Self { name: "standard input".to_owned(), source: Source::Kept(kept) });
        }
        let mut file = File::open(path)?;
        let source = if file.metadata()?.is_file() {
            Source::File(path.to_owned())
        } else {
            file.read_to_end(&mut kept)?;
            Source::Kept(kept)
        };
        Ok(Self { name: path.display().to_string(), source })
    }

    /// What it is called.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// All its faults.
    ///
    /// # Errors
    /// It can't be read.
    pub(crate) fn check(&self) -> io::Result<Faults> {
        self.read(|line, faults| {
            line::read(line, faults);
        })
    }

    /// Hands over every tick of what was checked before, and what has become faulty since. Empty lines are left out.
    ///
    /// # Errors
    /// It can't be read.
    pub(crate) fn each(&self, mut take: impl FnMut(&Observation)) -> io::Result<Faults> {
        self.read(|line, faults| {
            // Many times faster, and the same for a line without a fault; but it does not take 1.0 for a whole number.
            let observation = serde_json::from_slice(line).ok().or_else(|| line::read(line, faults));
            observation.iter().for_each(&mut take);
        })
    }

    fn read(&self, mut take: impl FnMut(&[u8], &mut Faults)) -> io::Result<Faults> {
        let mut faults = Faults::new(&self.name);
        let mut lines: Box<dyn BufRead> = match &self.source {
            Source::File(path) => Box::new(BufReader::new(File::open(path)?)),
            Source::Kept(bytes) => Box::new(bytes.as_slice()),
        };
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line)? > 0 {
            faults.next_line();
            take(&line, &mut faults);
            line.clear();
        }
        Ok(faults)
    }
}
