//! [`Asker`]: asks what there is to ask, each in its own time, all at once, and never one before the last answer of the same is in. Glue:
//! what is sent and what an answer says is `prometheus`'s and `webhook`'s.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use weir_core::custom::{filled, has_variant};

use super::client::Client;
use super::sources::{Endpoint, Sources};
use super::{Answers, Question, prometheus, webhook};
use crate::clock::Clock;
use crate::judge::custom::Source;
use crate::observation::{CustomAnswer, Said};

/// So many are asked at the same time; others wait for a place, so that a hundred rollouts do not use up all sockets.
const AT_ONCE: usize = 64;
/// Nothing is asked: whoever begins to be is told of by the channel.
const IDLE: Duration = Duration::from_secs(3_600);

/// Asks for the rollouts under way.
#[derive(Debug)]
pub struct Asker {
    questions: watch::Receiver<Arc<Vec<Question>>>,
    answers: Answers,
    asking: Asking,
    schedule: BTreeMap<Question, Turn>,
}

/// When a question comes next.
#[derive(Clone, Copy, Debug)]
enum Turn {
    /// At that moment of the monotonic clock.
    At(u64),
    /// After its answer: it was asked at that moment.
    AfterAnswer(u64),
}

#[derive(Clone, Debug)]
struct Asking {
    sources: Arc<Sources>,
    client: Client,
    clock: Clock,
    places: Arc<Semaphore>,
}

impl Asker {
    /// One that asks whatever `questions` holds, and puts what it learns into `answers`.
    #[must_use]
    pub fn new(
        sources: Arc<Sources>,
        clock: Clock,
        questions: watch::Receiver<Arc<Vec<Question>>>,
        answers: Answers,
    ) -> Self {
        let asking = Asking { sources, client: Client::default(), clock, places: Arc::new(Semaphore::new(AT_ONCE)) };
        Self { questions, answers, asking, schedule: BTreeMap::new() }
    }

    /// Asks until nobody says any more what to ask.
    pub async fn run(mut self) {
        let mut under_way = JoinSet::new();
        loop {
            self.plan();
            for question in self.due() {
                let (asking, answers) = (self.asking.clone(), self.answers.clone());
                under_way.spawn(async move {
                    let (asked_ms, answer) = asking.ask(&question).await;
                    answers.put(question.clone(), asked_ms, answer);
                    question
                });
            }
            let rest = self.rest();
            tokio::select! {
                changed = self.questions.changed() => if changed.is_err() { return },
                Some(joined) = under_way.join_next() => match joined {
                    Ok(question) => self.answered(&question),
                    Err(error) => tracing::error!(%error, "a custom check's question broke off"),
                },
                () = tokio::time::sleep(rest) => {}
            }
        }
    }

    /// A new question is asked at once; one that is not asked any more is forgotten.
    fn plan(&mut self) {
        let questions = self.questions.borrow_and_update().clone();
        self.schedule.retain(|question, _| questions.contains(question));
        for question in questions.iter() {
            self.schedule.entry(question.clone()).or_insert(Turn::At(0));
        }
    }

    fn due(&mut self) -> Vec<Question> {
        let now_ms = self.asking.clock.monotonic_ms();
        let mut due = Vec::new();
        for (question, turn) in &mut self.schedule {
            if matches!(turn, Turn::At(at_ms) if *at_ms <= now_ms) {
                *turn = Turn::AfterAnswer(now_ms);
                due.push(question.clone());
            }
        }
        due
    }

    fn answered(&mut self, question: &Question) {
        if let Some(turn) = self.schedule.get_mut(question)
            && let Turn::AfterAnswer(asked_ms) = *turn
        {
            *turn = Turn::At(asked_ms.saturating_add(question.every_ms));
        }
    }

    fn rest(&self) -> Duration {
        let now_ms = self.asking.clock.monotonic_ms();
        let next = self.schedule.values().filter_map(|turn| match turn {
            Turn::At(at_ms) => Some(at_ms.saturating_sub(now_ms)),
            Turn::AfterAnswer(_) => None,
        });
        next.min().map_or(IDLE, Duration::from_millis)
    }
}

impl Asking {
    /// When it was asked, and what came back.
    async fn ask(&self, question: &Question) -> (u64, CustomAnswer) {
        // Closed by nobody.
        let _place = self.places.acquire().await;
        let asked_ms = self.clock.monotonic_ms();
        let answer = match &question.source {
            Source::Query(query) => match &self.sources.prometheus {
                Some(endpoint) => self.query(endpoint, question, query).await,
                None => unknown("weir.toml has no [prometheus] (any more)".to_owned()),
            },
            Source::Webhook(name) => match self.sources.webhooks.get(name) {
                Some(endpoint) => self.webhook(endpoint, question).await,
                None => unknown(format!("weir.toml has no [webhooks.{name}] (any more)")),
            },
        };
        (asked_ms, answer)
    }

    /// Both values at the same instant. What goes wrong with either makes the answer unknown: one side alone may be half the truth. Who has
    /// no requests is not asked for: the candidate before the first stage, control at 100 %, where a share of its requests would be 0 by 0.
    async fn query(&self, endpoint: &Endpoint, question: &Question, query: &str) -> CustomAnswer {
        let at_ms = self.clock.now_ms();
        let of = |variant: &str| self.value(endpoint, filled(query, &question.flag, variant), at_ms);
        let values = if !has_variant(query) || question.is_whole() {
            of(&question.candidate).await.map(|value| (value, None))
        } else if question.stage.is_none() {
            of(&question.control).await.map(|value| (None, value))
        } else {
            tokio::try_join!(of(&question.candidate), of(&question.control))
        };
        match values {
            Ok((candidate, control)) => CustomAnswer { candidate, control, ..CustomAnswer::default() },
            Err(why) => unknown(why),
        }
    }

    async fn value(&self, endpoint: &Endpoint, query: String, at_ms: u64) -> Result<Option<f64>, String> {
        let form = prometheus::form(&query, at_ms);
        let reply = self.client.post(endpoint, prometheus::PATH, prometheus::KIND, form).await;
        let reply = reply.map_err(|error| super::tidy(&format!("Prometheus gave {error}")))?;
        prometheus::read(reply.status, &reply.body)
    }

    async fn webhook(&self, endpoint: &Endpoint, question: &Question) -> CustomAnswer {
        let body = webhook::body(question).to_string();
        match self.client.post(endpoint, "", "application/json", body).await {
            Ok(reply) => {
                let (answer, why) = webhook::read(reply.status, &reply.body);
                CustomAnswer { answer: Some(answer), why, ..CustomAnswer::default() }
            }
            Err(error) => unknown(super::tidy(&format!("the webhook gave {error}"))),
        }
    }
}

fn unknown(why: String) -> CustomAnswer {
    CustomAnswer { answer: Some(Said::Unknown), why, ..CustomAnswer::default() }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpSocket};

    use super::*;
    use crate::ask::sources::address;
    use crate::observation::Observation;

    /// Answers every connection with this once it has read something; `None` answers never.
    async fn server(answer: Option<&'static str>) -> SocketAddr {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let here = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let mut hung = Vec::new();
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let Some(answer) = answer else {
                    hung.push(stream);
                    continue;
                };
                let _ = stream.read(&mut [0; 4_096]).await;
                let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", answer.len());
                stream.write_all(format!("{head}{answer}").as_bytes()).await.unwrap();
            }
        });
        here
    }

    fn endpoint(server: SocketAddr) -> Endpoint {
        let timeout = Duration::from_millis(200);
        Endpoint { url: address(&format!("http://{server}/x")).unwrap(), timeout, token: None }
    }

    fn question(name: &str, source: Source) -> Question {
        Question {
            flag: "f".to_owned(),
            name: name.to_owned(),
            attempt: 1,
            stage: Some(0),
            weight_ppm: 50_000,
            control: "a".to_owned(),
            candidate: "b".to_owned(),
            source,
            every_ms: 50,
        }
    }

    /// Waits until a tick would have an answer of that name.
    async fn taken(answers: &Answers, name: &str, asked: &[Question]) -> CustomAnswer {
        let waiting = async {
            loop {
                let mut observation = Observation::default();
                answers.take_into(&mut observation, u64::MAX, asked);
                if let Some(answer) = observation.flags.get("f").and_then(|flag| flag.custom.get(name)) {
                    return CustomAnswer { age_ms: 0, ..answer.clone() };
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), waiting).await.unwrap()
    }

    #[tokio::test]
    async fn what_hangs_is_unknown_in_its_time_and_keeps_nobody_waiting() {
        let vector = r#"{"status":"success","data":{"resultType":"vector","result":[{"value":[1,"0.5"]}]}}"#;
        let (good, hangs) = (server(Some(vector)).await, server(None).await);
        // Bound and never listening: connections are refused, and nobody else is given the port.
        let gone = TcpSocket::new_v4().unwrap();
        gone.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let webhooks = [("hangs", hangs), ("gone", gone.local_addr().unwrap())]
            .map(|(name, here)| (name.to_owned(), endpoint(here)));
        let sources = Arc::new(Sources { prometheus: Some(endpoint(good)), webhooks: webhooks.into() });
        let webhook = |name: &str| question(name, Source::Webhook(name.to_owned()));
        let asked = vec![
            question("both", Source::Query("x{v=\"$variant\"}".to_owned())),
            Question { stage: None, ..question("baseline", Source::Query("x{v=\"$variant\"}".to_owned())) },
            Question { weight_ppm: 1_000_000, ..question("whole", Source::Query("x{v=\"$variant\"}".to_owned())) },
            question("one", Source::Query("up".to_owned())),
            webhook("hangs"),
            webhook("gone"),
            webhook("nobody"),
        ];
        let (questions, watched) = watch::channel(Arc::new(Vec::new()));
        let answers = Answers::default();
        let asking = tokio::spawn(Asker::new(sources, Clock::system(), watched, answers.clone()).run());
        questions.send_replace(Arc::new(asked.clone()));
        let value = |control| CustomAnswer { candidate: Some(0.5), control, ..CustomAnswer::default() };
        // More than once, while the one that hangs is not answered yet.
        for _ in 0..2 {
            assert_eq!(taken(&answers, "both", &asked).await, value(Some(0.5)));
        }
        for name in ["one", "whole"] {
            assert_eq!(taken(&answers, name, &asked).await, value(None));
        }
        let of_control = CustomAnswer { candidate: None, ..value(Some(0.5)) };
        assert_eq!(taken(&answers, "baseline", &asked).await, of_control);
        let no_answer = "the webhook gave no answer within 200 ms".to_owned();
        assert_eq!(taken(&answers, "hangs", &asked).await, unknown(no_answer));
        assert!(taken(&answers, "gone", &asked).await.why.contains("refused"));
        assert_eq!(taken(&answers, "nobody", &asked).await.why, "weir.toml has no [webhooks.nobody] (any more)");
        drop(questions);
        tokio::time::timeout(Duration::from_secs(10), asking).await.unwrap().unwrap();
    }
}
