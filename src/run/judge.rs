//! The stage in which the database judges what is staged.

use std::{collections::HashSet, sync::Arc};

use super::{collect, import::Import, load, progress::Progress, recover, retry::Retry, stopping};
use crate::{
    error::Result,
    failpoint,
    postgres::{
        endpoint::Endpoint,
        judge::{self, Drawing, StagedRejection},
        watch,
    },
};

impl Import<'_> {
    /// Lets the database judge what is staged and adds its rejections to the report.
    pub(super) async fn judge(
        &mut self,
        endpoint: &Endpoint,
        progress: &Arc<Progress>,
        read: &load::Read,
    ) -> Result<()> {
        let mut retry = Retry::new(progress);
        let (rejections, warnings) = loop {
            match self.try_to_judge(endpoint, progress, read, retry.is_again()).await {
                Ok(judged) => break judged,
                Err(error) => retry.again(error).await?,
            }
        };
        let rejected = recover::Rejected::group(rejections);
        let mut writer = collect::ReportWriter {
            report: &mut self.report,
            plan: &self.bound.plan,
            files: &read.files,
        };
        let split_bytes = self.request.options.split_bytes;
        rejected.write(&mut writer, split_bytes, false)?;
        recover::Rejected::group(warnings).write(&mut writer, split_bytes, true)?;
        collect::warn_of_files(&mut self.report, read)?;
        self.report.finish_rejections()?;
        failpoint::hit("report.finished")
    }

    async fn try_to_judge(
        &mut self,
        endpoint: &Endpoint,
        progress: &Arc<Progress>,
        read: &load::Read,
        again: bool,
    ) -> Result<(Vec<StagedRejection>, Vec<StagedRejection>)> {
        if again {
            self.session = endpoint.connect().await?;
        }
        let client = &self.session.client;
        let drawing = if self.request.dry_run { Drawing::Foretold } else { Drawing::Real };
        let judging = async {
            self.staging.ensure_holds(client, read.splits).await?;
            if again {
                watch::end_sessions(client, self.record.run.as_str()).await?;
                self.staging.forget_judgement(client).await?;
            }
            // On the heap: together with all it awaits it is too large for a thread's stack.
            let (staging, loads) = (&self.staging, &self.loads);
            Box::pin(judge::judge(client, staging, loads, &read.keys_differ, drawing)).await?;
            failpoint::hit("judge.judged")?;
            let rejections = judge::staged_rejections(client, &self.staging).await?;
            Ok((rejections, judge::staged_warnings(client, &self.staging).await?))
        };
        let judging = watch::attended(endpoint, &self.record.run, judging);
        stopping::cancelling(progress, &self.session.canceller(), judging).await
    }

    /// Judges once more what is staged, since publishing it failed; by writing it, where a table
    /// `refused` it. Records that are rejected now, and were not `reported` yet, join the report;
    /// whether there are any.
    pub(super) async fn judge_again(
        &mut self,
        endpoint: &Endpoint,
        progress: &Arc<Progress>,
        read: &load::Read,
        (refused, reported): (bool, &mut HashSet<(u32, u64)>),
    ) -> Result<bool> {
        self.session = endpoint.connect().await?;
        let client = &self.session.client;
        let judging = async {
            watch::end_sessions(client, self.record.run.as_str()).await?;
            self.staging.ensure_holds(client, read.splits).await?;
            judge::judge_again(client, &self.staging, &self.loads, refused).await
        };
        let judging = watch::attended(endpoint, &self.record.run, judging);
        let canceller = self.session.canceller();
        let mut found = stopping::cancelling(progress, &canceller, judging).await?;
        found.retain(|one| !reported.contains(&(one.file, one.record)));
        if found.is_empty() {
            return Ok(false);
        }
        reported.extend(found.iter().map(|one| (one.file, one.record)));
        self.report.resume();
        let mut writer = collect::ReportWriter {
            report: &mut self.report,
            plan: &self.bound.plan,
            files: &read.files,
        };
        let split_bytes = self.request.options.split_bytes;
        recover::Rejected::group(found).write(&mut writer, split_bytes, false)?;
        self.report.finish_rejections()?;
        self.note_files(read);
        Ok(true)
    }
}
