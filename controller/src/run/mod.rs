//! The controller's loop: one thread owns all state and takes one event after the other. Observing, serving proxies and answering people
//! happen elsewhere and only send events here, so that nothing slow stands before a kill.
//!
//! Reading order: this file (events), `engine` and `step` (the one way a change takes), `open` (from the
//! database), `orders` and `apply` (what persons want), `events` (what happens by
//! itself), `chain` (each decision's way to the proxies), `view` (what is told), `model` (what is held to be true).

mod apply;
mod chain;
mod engine;
mod events;
#[cfg(test)]
pub(crate) mod fake;
mod model;
mod open;
mod orders;
mod step;
#[cfg(test)]
pub(crate) mod tests;
mod view;

use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::{mpsc, oneshot, watch};

pub use engine::{CommitError, Engine};
pub use model::Present;
pub use open::{Kept, OpenError, kept};
pub use orders::{Order, Refused, update};

use crate::ask::Question;
use crate::observe::Tick;
use crate::report::{Answer, Status};
use crate::store::{self, Row};

/// So many events may wait; whoever sends more waits himself.
const QUEUE: usize = 64;

/// What the loop is told.
#[derive(Debug)]
pub enum Event {
    /// A round over all proxies is in, with the observer's cumulative values as JSON.
    Observed {
        /// What was seen.
        tick: Box<Tick>,
        /// Stored with what follows from the tick; `None` if it could not be written as JSON.
        cumulative: Option<String>,
    },
    /// The publisher has news.
    Reports,
    /// A person wants something.
    Order {
        /// What.
        order: Order,
        /// Where the answer goes.
        reply: oneshot::Sender<Result<Answer, Refused>>,
    },
    /// A person reads the ledger.
    Ledger {
        /// Of one flag, or of all.
        flag: Option<String>,
        /// Rows after this one.
        after: u64,
        /// At most so many, the last ones.
        limit: u32,
        /// Where they go.
        reply: oneshot::Sender<Result<Vec<Row>, store::Error>>,
    },
    /// Somebody asks what is served.
    Present {
        /// Where it goes; `None` before the first document.
        reply: oneshot::Sender<Option<Present>>,
    },
    /// The end.
    Stop,
}

/// What others hold of a running loop.
#[derive(Clone, Debug)]
pub struct Handle {
    events: mpsc::Sender<Event>,
    status: watch::Receiver<Arc<Status>>,
    questions: watch::Receiver<Arc<Vec<Question>>>,
}

impl Handle {
    /// Sends an event; false if the loop has ended.
    pub async fn send(&self, event: Event) -> bool {
        self.events.send(event).await.is_ok()
    }

    /// Has an order obeyed.
    ///
    /// # Errors
    /// [`Refused`], with nothing changed.
    pub async fn order(&self, order: Order) -> Result<Answer, Refused> {
        let (reply, answer) = oneshot::channel();
        if !self.send(Event::Order { order, reply }).await {
            return Err(Refused::Stopping);
        }
        answer.await.unwrap_or(Err(Refused::Stopping))
    }

    /// Reads the ledger; `None` if the loop has ended.
    pub async fn ledger(&self, flag: Option<String>, after: u64, limit: u32) -> Option<Result<Vec<Row>, store::Error>> {
        let (reply, rows) = oneshot::channel();
        self.send(Event::Ledger { flag, after, limit, reply }).await;
        rows.await.ok()
    }

    /// The document that is served, and its state.
    ///
    /// # Errors
    /// There is no document yet, or the loop has ended.
    pub async fn present(&self) -> Result<Present, Refused> {
        let (reply, present) = oneshot::channel();
        self.send(Event::Present { reply }).await;
        let none = || Refused::NotFound("no document is applied yet: `apply` one, or send one along".to_owned());
        present.await.map_err(|_| Refused::Stopping)?.ok_or_else(none)
    }

    /// The status after the last event; never waits for the loop.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<Arc<Status>> {
        self.status.clone()
    }

    /// What custom checks want to know after the last event.
    #[must_use]
    pub fn questions(&self) -> watch::Receiver<Arc<Vec<Question>>> {
        self.questions.clone()
    }
}

/// Opens an engine on a thread of its own and runs the loop there: the engine waits for the disk, and core's cache of compiled documents
/// can't leave its thread.
///
/// # Errors
/// What `open` says, or that no thread could be started.
pub async fn spawn<F>(open: F) -> Result<(Handle, JoinHandle<()>), OpenError>
where
    F: FnOnce() -> Result<Engine, OpenError> + Send + 'static,
{
    let (opened, handle) = oneshot::channel();
    let thread = std::thread::Builder::new().name("weir-loop".to_owned()).spawn(move || {
        let (looping, handle) = match open().map(Loop::new) {
            Ok((looping, handle)) => (looping, Ok(handle)),
            Err(error) => return drop(opened.send(Err(error))),
        };
        if opened.send(handle).is_ok() {
            looping.run();
        }
    });
    let thread = thread.map_err(OpenError::Thread)?;
    let handle = handle.await.unwrap_or_else(|_| Err(OpenError::Thread(std::io::Error::other("it has panicked"))))?;
    Ok((handle, thread))
}

struct Loop {
    engine: Engine,
    events: mpsc::Receiver<Event>,
    status: watch::Sender<Arc<Status>>,
    questions: watch::Sender<Arc<Vec<Question>>>,
}

impl Loop {
    fn new(engine: Engine) -> (Self, Handle) {
        let (events, receiver) = mpsc::channel(QUEUE);
        let (status, watched) = watch::channel(Arc::new(engine.status()));
        let (questions, asked) = watch::channel(Arc::new(engine.questions()));
        let handle = Handle { events, status: watched, questions: asked };
        (Self { engine, events: receiver, status, questions }, handle)
    }

    /// Takes events until [`Event::Stop`], or until nobody can send any more.
    fn run(mut self) {
        while let Some(event) = self.events.blocking_recv() {
            match event {
                Event::Observed { tick, cumulative } => {
                    self.engine.observe(*tick, cumulative);
                    self.engine.follow();
                }
                Event::Reports => self.engine.follow(),
                Event::Order { order, reply } => {
                    let answer = self.engine.order(order);
                    self.engine.follow();
                    // The status must not be older than the answer for whoever reads it next.
                    self.tell();
                    // Whoever asked may have gone; what was ordered is done all the same.
                    let _ = reply.send(answer);
                    continue;
                }
                Event::Ledger { flag, after, limit, reply } => {
                    let _ = reply.send(self.engine.store.ledger(flag.as_deref(), after, limit));
                    continue;
                }
                Event::Present { reply } => {
                    let _ = reply.send(self.engine.present());
                    continue;
                }
                Event::Stop => break,
            }
            self.tell();
        }
    }

    fn tell(&self) {
        self.status.send_replace(Arc::new(self.engine.status()));
        let questions = self.engine.questions();
        self.questions.send_if_modified(|before| {
            let other = **before != questions;
            if other {
                *before = Arc::new(questions);
            }
            other
        });
    }
}
