//! Where a source is: paths, globs, and the member of an archive.

use super::{Checker, hinted};
use crate::{definition::SourceDefinition, diagnostic::Place};

/// Schemes of addresses that are to come.
const SCHEMES: [&str; 4] = ["http://", "https://", "s3://", "ftp://"];

impl Checker<'_> {
    pub(super) fn source_path(&mut self, source: &SourceDefinition, place: &Place) {
        let here = place.key("path");
        if !self.is_local(&source.path, &here) {
            return;
        }
        self.glob(&source.path, &here);
        let Some(member) = &source.member else { return };
        self.glob(member, &place.key("member"));
        let file_name = source.path.rsplit('/').next().unwrap_or_default();
        let extension = file_name.rsplit_once('.').map(|(_, extension)| extension);
        let is_archive = extension.is_none_or(|it| it.eq_ignore_ascii_case("zip") || it == "*");
        if !is_archive && self.is_sound(&here) {
            let message = "`member` is for zip archives, and the path is not one";
            self.report_key("definition.conflict", &place.key("member"), message).hint =
                hinted("take `member` out, or name the `.zip` in `path`");
        }
    }

    /// Whether a path is on this machine; others are reported.
    pub(super) fn is_local(&mut self, path: &str, place: &Place) -> bool {
        let scheme = SCHEMES.iter().find(|scheme| path.starts_with(**scheme));
        if let Some(scheme) = scheme {
            let message = format!("paths that start with `{scheme}` are not available yet");
            self.report("definition.not_available", place, message).hint =
                hinted("fetch the file first, and name it here");
        }
        scheme.is_none()
    }

    pub(super) fn glob(&mut self, pattern: &str, place: &Place) {
        if let Err(error) = glob::Pattern::new(pattern) {
            let message = format!("this is no glob: {}", error.msg);
            self.report("definition.path", place, message).hint =
                hinted("`*` stands for any name, `**` for any folders, `[[]` for a bracket");
        }
    }
}
