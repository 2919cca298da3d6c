//! Sites: how many visits each can still take, so that politeness survives a restart.
//!
//! While feeds are visited, a mark stands in `meta`. A process that ends in order writes its sites down and takes the
//! mark away; one that finds it knows that the last was killed, and that the sites were visited more than they tell.
//!
//! Rejected: a write before each visit. It would cost a commit for every poll, and the mark tells as much.

use std::time::Duration;

use rusqlite::{OptionalExtension, Row, Transaction};

use super::{Error, Store, row};
use crate::model::{Ended, Site, Timestamp, time};

const MARK: &str = "visiting";
const PUT: &str = "
    INSERT INTO site (name, tokens_milli, counted_at_ms, not_before_at_ms, spacing_ms, learned_at_ms)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)
    ON CONFLICT (name) DO UPDATE SET tokens_milli = excluded.tokens_milli, counted_at_ms = excluded.counted_at_ms,
        not_before_at_ms = excluded.not_before_at_ms, spacing_ms = excluded.spacing_ms,
        learned_at_ms = excluded.learned_at_ms";

impl Store {
    /// Marks that feeds are visited from now on. Says what is known of the sites, and how the last process that visited
    /// them ended. Sites not seen since `forget_before`, whose wait is over and of which nothing was learned, are
    /// forgotten.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn begin_visits(
        &self,
        now: Timestamp,
        forget_before: Timestamp,
    ) -> Result<(Vec<Site>, Ended), Error> {
        self.write(move |tx| {
            let mark: Option<i64> =
                tx.query_row("SELECT value FROM meta WHERE key = ?1", [MARK], |r| r.get(0)).optional()?;
            tx.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?1, 1)", [MARK])?;
            tx.execute(
                "DELETE FROM site WHERE counted_at_ms < ?1 AND COALESCE(not_before_at_ms, ?2) <= ?2
                     AND spacing_ms IS NULL",
                (row::ms(forget_before), row::ms(now)),
            )?;
            let mut all = tx.prepare_cached(
                "SELECT name, tokens_milli, counted_at_ms, not_before_at_ms, spacing_ms, learned_at_ms FROM site",
            )?;
            let sites = all.query_map([], site)?.collect::<Result<_, _>>()?;
            Ok((sites, if mark == Some(1) { Ended::Killed } else { Ended::Orderly }))
        })
        .await
    }

    /// Writes sites down while visits go on.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn record_sites(&self, sites: Vec<Site>) -> Result<(), Error> {
        self.write(move |tx| put(tx, &sites)).await
    }

    /// Writes sites down and takes the mark away: no visit is under way.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn end_visits(&self, sites: Vec<Site>) -> Result<(), Error> {
        self.write(move |tx| {
            put(tx, &sites)?;
            tx.execute("DELETE FROM meta WHERE key = ?1", [MARK])?;
            Ok(())
        })
        .await
    }
}

fn put(tx: &Transaction<'_>, sites: &[Site]) -> Result<(), Error> {
    let mut put = tx.prepare_cached(PUT)?;
    for site in sites {
        let spacing = site.spacing.map(|spacing| i64::try_from(spacing.as_millis()).unwrap_or(i64::MAX));
        put.execute((
            &site.name,
            site.tokens_milli,
            row::ms(site.counted_at),
            site.not_before.map(row::ms),
            spacing,
            site.learned_at.map(row::ms),
        ))?;
    }
    Ok(())
}

fn site(r: &Row<'_>) -> rusqlite::Result<Site> {
    let spacing: Option<i64> = r.get("spacing_ms")?;
    Ok(Site {
        name: r.get("name")?,
        tokens_milli: r.get("tokens_milli")?,
        counted_at: time::from_millis(r.get("counted_at_ms")?),
        not_before: row::instant(r, "not_before_at_ms")?,
        spacing: spacing.map(|ms| Duration::from_millis(u64::try_from(ms).unwrap_or(0))),
        learned_at: row::instant(r, "learned_at_ms")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn sites_are_kept_and_a_killed_process_is_known_by_its_mark() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let at = |s: i64| time::from_millis(s * 1_000);
        assert_eq!(store.begin_visits(at(100), at(0)).await.unwrap(), (Vec::new(), Ended::Orderly));
        let site = |name: &str, seen: i64, spacing: Option<u64>| Site {
            name: name.to_owned(),
            tokens_milli: -1_500,
            counted_at: at(seen),
            not_before: Some(at(seen + 5)),
            spacing: spacing.map(Duration::from_secs),
            learned_at: spacing.map(|_| at(seen)),
        };
        let (old, learned, new) =
            (site("old", 100, None), site("learned", 100, Some(4)), site("new", 200, None));
        store.record_sites(vec![old.clone(), learned.clone()]).await.unwrap();
        let (mut sites, ended) = store.begin_visits(at(200), at(100)).await.unwrap();
        sites.sort_by(|a, b| b.name.cmp(&a.name));
        assert_eq!((sites, ended), (vec![old, learned.clone()], Ended::Killed));
        store.end_visits(vec![new.clone()]).await.unwrap();
        let found = store.begin_visits(at(204), at(101)).await.unwrap();
        assert_eq!(
            found,
            (vec![learned, new], Ended::Orderly),
            "what is old and taught nothing is forgotten"
        );
    }
}
