//! Publishing rows that are in their table already, in the transaction that took them.

use std::sync::Arc;

use super::give_up;
use crate::{
    error::{ErrorKind, Result},
    failpoint,
    outcome::Lacking,
    postgres::{
        endpoint::Endpoint,
        publish::{self, Intent, Published, Publishing, straight::Straight},
        watch,
    },
    run::{
        collect,
        import::Import,
        load,
        progress::{Progress, Stage},
        retry, stopping,
    },
};

impl Import<'_> {
    /// Publishes what is in the table already; `None` where that came to nothing and all is staged
    /// by now, else as [`Import::publish`].
    pub(in crate::run) async fn publish_straight(
        &mut self,
        endpoint: &Endpoint,
        progress: &Arc<Progress>,
        (straight, read): (Straight, &mut load::Read),
    ) -> Result<Option<Option<Published>>> {
        collect::warn_of_files(&mut self.report, read)?;
        read.warnings.clear();
        self.report.finish_rejections()?;
        failpoint::hit("report.finished")?;
        self.note_files(read);
        if self.rejects_too_many(read) {
            straight.abandon().await;
            return Ok(Some(None));
        }
        Box::pin(self.note_rejected(endpoint, progress)).await?;
        progress.enter(Stage::Publishing);
        self.publishes = true;
        let error = match self.try_straight(endpoint, progress, (straight, read)).await {
            Ok(published) => return Ok(Some(Some(published))),
            Err(error) if error.kind() == ErrorKind::Interrupted => return Err(error),
            Err(error) => error,
        };
        if let Some(settled) = self.settled(endpoint, progress).await? {
            return Ok(Some(Some(settled)));
        }
        give_up(error, progress)?;
        self.stage_logged(endpoint, progress).await?;
        self.report.resume();
        Ok(None)
    }

    async fn try_straight(
        &self,
        endpoint: &Endpoint,
        progress: &Arc<Progress>,
        (straight, read): (Straight, &load::Read),
    ) -> Result<Published> {
        let publishing = Publishing {
            staging: &self.staging,
            loads: &self.loads,
            counted: &read.counted,
            // Nothing is deleted.
            lacking: &Lacking::default(),
            run: &self.record,
            fence: self.lease.fence(),
            after: &self.bound.after,
            intent: Intent::Publish(None),
            stop: progress.stop(),
        };
        let canceller = straight.canceller();
        let work = watch::attended(endpoint, &self.record.run, straight.publish(&publishing));
        stopping::cancelling(progress, &canceller, work).await
    }

    /// Whether the COMMIT arrived after all; the session that may have sent it is ended.
    async fn settled(
        &self,
        endpoint: &Endpoint,
        progress: &Arc<Progress>,
    ) -> Result<Option<Published>> {
        let asking = async |client: &_| {
            watch::end_sessions(client, self.record.run.as_str()).await?;
            publish::settled(client, &self.record.run).await
        };
        retry::ask(endpoint, progress, asking).await
    }
}
