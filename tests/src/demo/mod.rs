//! The demo: the whole loop on real parts in a minute and a half, told as a story and measured.
//!
//! | module | owns |
//! |---|---|
//! | `site` | what runs: upstreams, Envoys, controller, load |
//! | `watch` | the story: one line a second, events as they happen |
//! | `acts` | the three acts, and what each promises |
//! | `summary` | what was measured, in words and as JSON |

mod acts;
mod site;
mod summary;
mod watch;

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

use crate::process::interrupted;
use site::Site;
use watch::Watch;

/// What the command line asked for.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where the summary goes as JSON.
    pub report: Option<PathBuf>,
    /// Leaves all running at the end.
    pub keep: bool,
}

/// Plays the three acts.
///
/// # Errors
/// Something promised did not happen, or somebody interrupted; by then every child is reaped and every file of ours removed.
pub async fn run(options: &Options) -> Result<()> {
    let (site, mut watch) = tokio::select! {
        played = play(options) => played?,
        outcome = interrupted() => {
            outcome?;
            bail!("interrupted; everything is stopped and removed");
        }
    };
    if options.keep {
        println!("\n{}", site.invitation());
        tokio::select! {
            outcome = site.serve(&mut watch) => outcome?,
            outcome = interrupted() => outcome?,
        }
        println!("\neverything is stopped and removed");
    }
    Ok(())
}

async fn play(options: &Options) -> Result<(Site, Watch)> {
    let mut site = Site::start().await?;
    let mut watch = Watch::new();
    watch.say("three Envoys, a control, a candidate, a controller and 10,000 users are there");
    let played = match acts::play(&site, &mut watch).await {
        Ok(played) => played,
        Err(error) => return Err(error.context(site.last_words())),
    };
    let summary = summary::Summary::of(played, &site, &watch)?;
    println!("\n{summary}");
    if let Some(path) = &options.report {
        std::fs::write(path, serde_json::to_string_pretty(&summary)?).with_context(|| path.display().to_string())?;
    }
    summary.promises()?;
    Ok((site, watch))
}
