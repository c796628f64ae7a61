//! The judge and the rollout on simulated observations: counts are drawn per cell and tick, with seeds, without a proxy.
mod detection;
mod false_alarms;
mod goals;
mod guardrails;
mod health;
mod kayenta;
mod latency;
mod pace;
mod promised_power;
mod rollouts;
mod safety;
mod segments;
mod split;
mod wired;
mod world;
