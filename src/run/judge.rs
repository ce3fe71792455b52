//! The stage in which the database judges what is staged.

use std::sync::Arc;

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
}
