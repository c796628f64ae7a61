//! A child process that does not outlive its handle: killed and reaped when dropped, on a panic too, and killed by the kernel if this
//! process itself is killed. Its output goes to a file, whose end is shown when a test fails.

use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{LazyLock, mpsc};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use nix::sys::signal::Signal;
use nix::unistd::Pid;

const LOG_LINES: usize = 40;

/// A running (or ended) child.
#[derive(Debug)]
pub struct Child {
    child: std::process::Child,
    name: String,
    log: PathBuf,
}

impl Child {
    /// Starts a command; both its outputs are appended to the file `log`.
    ///
    /// # Errors
    /// The program can't be started or the file can't be written.
    pub fn start(name: &str, mut command: Command, log: &Path) -> Result<Self> {
        let file = File::options().create(true).append(true).open(log).with_context(|| log.display().to_string())?;
        command.stdin(std::process::Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let child = spawn(command).with_context(|| format!("cannot start {name}"))?;
        Ok(Self { child, name: name.to_owned(), log: log.to_owned() })
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Sends a signal, such as SIGSTOP to make it hang.
    ///
    /// # Errors
    /// It has ended.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let id = i32::try_from(self.child.id()).context("process id")?;
        nix::sys::signal::kill(Pid::from_raw(id), signal).with_context(|| format!("{signal} to {}", self.name))
    }

    /// SIGKILL, and waits until it is gone.
    pub fn kill(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// SIGTERM, and waits; SIGKILL if it has not ended within `limit`. Says whether it ended by itself, with success.
    pub fn stop(&mut self, limit: Duration) -> bool {
        let start = Instant::now();
        if self.signal(Signal::SIGTERM).is_ok() {
            while start.elapsed() < limit {
                if let Ok(Some(status)) = self.child.try_wait() {
                    return status.success();
                }
                std::thread::sleep(Duration::from_millis(2));
            }
        }
        self.kill();
        false
    }

    /// The last lines that it wrote.
    #[must_use]
    pub fn last_words(&self) -> String {
        let text = std::fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let text = text.unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let from = lines.len().saturating_sub(LOG_LINES);
        format!("--- last lines of {}:\n{}\n---", self.name, lines.get(from..).unwrap_or_default().join("\n"))
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("{}", self.last_words());
        }
    }
}

type Job = (Command, mpsc::Sender<std::io::Result<std::process::Child>>);

/// The kernel kills a child with the *thread* that started it, not with the process; so one thread that lives as long as the process
/// starts them all.
fn spawn(command: Command) -> Result<std::process::Child> {
    static STARTER: LazyLock<mpsc::Sender<Job>> = LazyLock::new(|| {
        let (sender, jobs) = mpsc::channel::<Job>();
        std::thread::spawn(move || {
            for (mut command, answer) in jobs {
                // Who asked is always still there to take it.
                let _ = answer.send(die_with_parent(&mut command).spawn());
            }
        });
        sender
    });
    let (answer, child) = mpsc::channel();
    STARTER.send((command, answer)).ok().context("the starting thread is gone")?;
    Ok(child.recv().context("the starting thread is gone")??)
}

#[cfg(target_os = "linux")]
fn die_with_parent(command: &mut Command) -> &mut Command {
    // SAFETY: between fork and exec only async-signal-safe calls are allowed; prctl is one, and nothing is allocated.
    unsafe {
        command.pre_exec(|| nix::sys::prctl::set_pdeathsig(Signal::SIGKILL).map_err(std::io::Error::from));
    }
    // A group of its own: Ctrl-C in a terminal reaches this process alone, which then ends its children in order.
    command.process_group(0)
}

#[cfg(not(target_os = "linux"))]
fn die_with_parent(command: &mut Command) -> &mut Command {
    command.process_group(0)
}

/// Returns when a person or a supervisor asks this program to end: SIGINT (Ctrl-C), SIGTERM or SIGHUP. The caller then drops what it has.
///
/// # Errors
/// The handlers can't be installed.
pub async fn interrupted() -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sleeper(directory: &Path) -> Child {
        let mut command = Command::new("sleep");
        command.arg("600");
        Child::start("sleep", command, &directory.join("log")).expect("sleep starts")
    }

    fn lives(id: u32) -> bool {
        nix::sys::signal::kill(Pid::from_raw(i32::try_from(id).expect("id")), None).is_ok()
    }

    #[test]
    fn a_child_is_gone_and_reaped_when_its_handle_is_dropped_on_a_panic_too() {
        let directory = tempfile::tempdir().expect("directory");
        let mut child = sleeper(directory.path());
        let id = child.id();
        assert!(child.runs() && lives(id));
        let ending = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
            let _child = child;
            panic!("on purpose");
        }));
        assert!(ending.is_err());
        assert!(!lives(id), "a reaped child has no process id any more");
    }

    #[test]
    fn a_child_outlives_the_thread_that_asked_for_it() {
        let directory = tempfile::tempdir().expect("directory");
        let path = directory.path().to_owned();
        let mut child = std::thread::spawn(move || sleeper(&path)).join().expect("thread");
        assert!(child.runs());
        assert!(!child.stop(Duration::from_secs(5)), "ended by a signal is not success");
        assert!(!child.runs());
    }
}
