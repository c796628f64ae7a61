//! Waiting for a condition until a deadline: in place of sleeping for a time that is too short on one machine and too long on the next.

use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

const PAUSE: Duration = Duration::from_millis(5);

/// Asks again and again until there is an answer.
///
/// # Errors
/// After `limit`: that `what` did not happen.
pub async fn until<T, F>(what: &str, limit: Duration, mut ask: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Option<T>>,
{
    let start = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return Ok(answer);
        }
        if start.elapsed() > limit {
            bail!("within {:.1} s not so: {what}", limit.as_secs_f64());
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// [`until`] for a condition that needs no waiting itself.
///
/// # Errors
/// After `limit`: that `what` did not become true.
pub async fn until_true(what: &str, limit: Duration, mut condition: impl FnMut() -> bool) -> Result<()> {
    until(what, limit, || std::future::ready(condition().then_some(()))).await
}
