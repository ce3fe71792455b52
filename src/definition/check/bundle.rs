//! `[bundle]`, `[[file]]` and a target's `from`: what belongs to a delivery of several files.

use super::{Checker, hinted, source::marks};
use crate::{
    definition::{BundleDefinition, BundleKind, FileDefinition, ImportDefinition, WriteMode},
    diagnostic::{Place, did_you_mean},
};

/// The files that OneRoster 1.1 and 1.2 know.
const ONEROSTER_FILES: [&str; 21] = [
    "academicSessions",
    "categories",
    "classResources",
    "classes",
    "courseResources",
    "courses",
    "demographics",
    "enrollments",
    "lineItemLearningObjectiveIds",
    "lineItemScoreScales",
    "lineItems",
    "orgs",
    "resources",
    "resultLearningObjectiveIds",
    "resultScoreScales",
    "results",
    "roles",
    "scoreScales",
    "userProfiles",
    "userResources",
    "users",
];

impl<'a> Checker<'a> {
    /// Where the records come from: one source, or the files of a bundle.
    pub(super) fn reads(&mut self, definition: &'a ImportDefinition) {
        let root = Place::root();
        let (source, bundle) = (root.key("source"), root.key("bundle"));
        match (&definition.source, &definition.bundle) {
            (Some(_), Some(_)) => {
                let message = "a pipeline reads a `[source]` or a `[bundle]`, not both";
                self.report_key("definition.conflict", &bundle, message).hint =
                    hinted("make two pipelines of it, or each file a `[[file]]` of the bundle");
            }
            (Some(read), None) => {
                self.source_path(read, &source);
                self.source(read, &source);
            }
            (None, Some(bundle_read)) => self.bundle(bundle_read, definition, &bundle),
            (None, None) if !self.is_given(&source) && !self.is_given(&bundle) => {
                let message = "`source` is missing, or a `bundle`";
                self.report("definition.missing_key", &source, message).hint =
                    hinted("it says which files are read, and how");
            }
            (None, None) => {}
        }
        if definition.bundle.is_none() && !self.is_given(&bundle) {
            self.without_bundle(definition);
        }
    }

    fn without_bundle(&mut self, definition: &ImportDefinition) {
        let root = Place::root();
        if !definition.files.is_empty() {
            let message = "a `[[file]]` is a file of a `[bundle]`, and there is none";
            self.report_key("definition.not_applicable", &root.key("file"), message).hint =
                hinted("add `[bundle]` with the path of the zip or folder");
        }
        for (index, target) in definition.targets.iter().enumerate() {
            let from = root.key("target").index(index).key("from");
            if target.from.is_some() {
                let message = "`from` names a file of a bundle, and this pipeline has none";
                self.report_key("definition.not_applicable", &from, message).hint =
                    hinted("take it out: every target takes the records of `[source]`");
            }
        }
    }

    fn bundle(
        &mut self,
        bundle: &BundleDefinition,
        definition: &'a ImportDefinition,
        place: &Place,
    ) {
        let path = place.key("path");
        if self.is_local(&bundle.path, &path) {
            self.glob(&bundle.path, &path);
        }
        if bundle.kind == BundleKind::Files && self.is_given(&place.key("declared_absent")) {
            let message = "`declared_absent` is about a manifest, which only OneRoster has";
            self.report_key("definition.not_applicable", &place.key("declared_absent"), message);
        }
        if definition.files.is_empty() && !self.is_given(&Place::root().key("file")) {
            let message = "a bundle needs at least one `[[file]]`";
            self.report("definition.missing_key", place, message).hint =
                hinted("each has a `name`, and the member it is where that is not `NAME.csv`");
        }
        for (index, file) in definition.files.iter().enumerate() {
            let here = Place::root().key("file").index(index);
            self.file(file, bundle.kind, &here);
            if definition.files[..index].iter().any(|other| other.name == file.name) {
                let message = format!("another file is named `{}` already", file.name);
                self.report("definition.duplicate", &here.key("name"), message);
            }
            self.is_taken(definition, file, &here.key("name"));
        }
        for index in 0..definition.targets.len() {
            self.from(definition, index, bundle.kind);
        }
    }

    /// A file without a target is read for nothing; whose `from` is wrong is told that alone.
    fn is_taken(&mut self, definition: &ImportDefinition, file: &FileDefinition, name: &Place) {
        let only = definition.files.len() == 1;
        let known = |from: &String| definition.files.iter().any(|file| file.name == *from);
        let from = || definition.targets.iter().map(|target| target.from.as_ref());
        let all_known = from().all(|from| from.map_or(only, known));
        if all_known && from().flatten().count() > 0 && !from().any(|from| from == Some(&file.name))
        {
            let message = format!("no target takes the records of `{}`", file.name);
            self.report("definition.no_effect", name, message).hint =
                hinted(format!("add `from = \"{}\"` to its target", file.name));
        }
    }

    fn file(&mut self, file: &'a FileDefinition, kind: BundleKind, place: &Place) {
        let name = place.key("name");
        let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
        if file.name.is_empty() || !file.name.chars().all(plain) {
            let message = "a file's name has letters, digits, `_` and `-`, and nothing else";
            self.report("definition.name", &name, message).hint =
                hinted("the member may be called anything: say it with `member`");
        } else if kind == BundleKind::Oneroster && !ONEROSTER_FILES.contains(&file.name.as_str()) {
            let near = did_you_mean(&file.name, ONEROSTER_FILES);
            let message = format!("OneRoster has no file `{}`", file.name);
            self.report("definition.word", &name, message).hint =
                near.map(|near| format!("did you mean `{near}`?"));
        }
        if kind == BundleKind::Oneroster && self.is_given(&place.key("optional")) {
            let message = "a OneRoster manifest says of each file whether it is there";
            self.report_key("definition.no_effect", &place.key("optional"), message).hint =
                hinted("take it out");
        }
        if let Some(member) = &file.source.member {
            self.glob(member, &place.key("member"));
        }
        self.source(&file.source, place);
    }

    /// Which file's records a target takes, and whether its mode goes with the bundle.
    fn from(&mut self, definition: &'a ImportDefinition, index: usize, kind: BundleKind) {
        let target = &definition.targets[index];
        let place = Place::root().key("target").index(index);
        let names = || definition.files.iter().map(|file| file.name.as_str());
        match &target.from {
            None if definition.files.len() > 1 => {
                let message = "`from` is missing: the bundle has several files";
                self.report("definition.missing_key", &place.key("from"), message).hint =
                    hinted("name the `[[file]]` whose records the table gets");
            }
            Some(from) if !names().any(|name| name == from) => {
                let near = did_you_mean(from, names());
                let message = format!("the bundle has no `[[file]]` named `{from}`");
                self.report("definition.unknown_file", &place.key("from"), message).hint =
                    near.map(|near| format!("did you mean `{near}`?"));
            }
            _ => {}
        }
        if kind == BundleKind::Oneroster && target.deletes() && target.mode != WriteMode::Manifest {
            let message = "this mode deletes what a delta file does not mention";
            self.report("definition.conflict", &place.key("mode"), message).hint = hinted(
                "`manifest` mirrors bulk files only, and goes by `operation` for delta files",
            );
        }
    }

    /// `mode = "manifest"` takes a manifest, and what says which records of a delta delete.
    pub(super) fn manifest_mode(&mut self, definition: &ImportDefinition, index: usize) {
        let target = &definition.targets[index];
        let place = Place::root().key("target").index(index);
        let mode = place.key("mode");
        if target.mode != WriteMode::Manifest || !self.is_sound(&mode) {
            return;
        }
        let kind = definition.bundle.as_ref().map(|bundle| bundle.kind);
        if kind != Some(BundleKind::Oneroster) {
            let message = "`manifest` is for bundles whose manifest says what each file is";
            self.report("definition.conflict", &mode, message).hint =
                hinted("use `mirror` or `upsert`, or `kind = \"oneroster\"` in `[bundle]`");
        }
        if target.operation.is_none() && !self.is_given(&place.key("operation")) {
            let message = "`manifest` needs `operation`, for files that are delta";
            self.report("definition.missing_key", &mode, message).hint = hinted(
                "add `[target.operation]` with `from = \"status\"`, `update = [\"active\", \"\"]` and `delete = [\"tobedeleted\"]`",
            );
        }
    }

    /// The marks in numbers that a target's columns inherit.
    pub(super) fn inherit(&mut self, definition: &'a ImportDefinition, index: usize) {
        let of = definition.source_of(&definition.targets[index]);
        self.inherited = definition.sources().get(of).map(|it| marks(it)).unwrap_or_default();
    }
}
