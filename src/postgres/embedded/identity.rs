//! As whom the server runs: PostgreSQL refuses root, so root gives its rights up.

use std::{
    fs,
    os::unix::{
        fs::{MetadataExt, chown},
        process::CommandExt,
    },
    path::Path,
    process::Command,
};

use crate::error::{Error, Result};

/// Users the server may run as when root starts it, best first.
const SERVER_USERS: [&str; 3] = ["postgres", "_postgres", "nobody"];

/// The user that the server's processes run as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// User and group to change to; `None` to stay who we are.
    change_to: Option<(u32, u32)>,
}

impl Identity {
    /// Whoever runs this; as root, the owner of `data` if it exists, else
    /// `postgres`, else `nobody`.
    ///
    /// # Errors
    /// `ErrorKind::Environment` as root on a system that has none of these users.
    pub fn for_data(data: &Path) -> Result<Self> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self { change_to: None });
        }
        if let Ok(metadata) = fs::metadata(data)
            && metadata.uid() != 0
        {
            return Ok(Self { change_to: Some((metadata.uid(), metadata.gid())) });
        }
        let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let found = SERVER_USERS.iter().find_map(|name| user_ids(&users, name));
        let none = || {
            Error::environment("PostgreSQL refuses to run as root, and there is no other user")
                .hint("create a user called postgres, or run longshore as an ordinary user")
        };
        Ok(Self { change_to: Some(found.ok_or_else(none)?) })
    }

    /// A command that runs as this user, with none of our environment and groups.
    pub fn command(self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C").current_dir("/");
        if let Some((user, group)) = self.change_to {
            // Changing the user as root, std also gives up the supplementary groups.
            command.uid(user).gid(group);
        }
        command
    }

    /// Gives a file or folder to this user.
    ///
    /// # Errors
    /// `ErrorKind::Environment` with the path.
    pub fn own(self, path: &Path) -> Result<()> {
        let Some((user, group)) = self.change_to else { return Ok(()) };
        chown(path, Some(user), Some(group)).map_err(|cause| {
            let what = format!("`{}` cannot be given to the server's user", path.display());
            Error::environment(what).caused_by(cause)
        })
    }

    /// Makes sure that this user can come to `folder` from the root.
    ///
    /// # Errors
    /// `ErrorKind::Environment`, naming the folder that is closed.
    pub(super) fn ensure_reaches(self, folder: &Path) -> Result<()> {
        let Some((user, group)) = self.change_to else { return Ok(()) };
        let closed = folder.ancestors().skip(1).find(|ancestor| {
            fs::metadata(ancestor).is_ok_and(|metadata| {
                let bit = match () {
                    () if metadata.uid() == user => 0o100,
                    () if metadata.gid() == group => 0o010,
                    () => 0o001,
                };
                metadata.mode() & bit == 0
            })
        });
        match closed {
            None => Ok(()),
            Some(ancestor) => {
                let what = format!(
                    "the server's user (uid {user}) cannot enter `{}`, where its data would be",
                    ancestor.display()
                );
                Err(Error::environment(what).hint("set LONGSHORE_HOME to a folder it can come to"))
            }
        }
    }
}

/// User and group of `name` in the text of `/etc/passwd`.
fn user_ids(users: &str, name: &str) -> Option<(u32, u32)> {
    users.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let [user, _, uid, gid, ..] = fields.as_slice() else { return None };
        (*user == name).then_some(())?;
        Some((uid.parse().ok()?, gid.parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_its_whole_name() {
        let users = "root:x:0:0::/root:/bin/sh\npostgresx:x:7:7::/:\npostgres:x:101:104::/:\n";
        assert_eq!(user_ids(users, "postgres"), Some((101, 104)));
        assert_eq!(user_ids(users, "nobody"), None);
    }
}
