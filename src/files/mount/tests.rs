//! A mount whose generation is replaced between any two steps of a read.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::os::unix::fs::symlink;

use super::*;

/// A mount whose generations hold `db/user`, with links to it. It is removed on drop.
struct Volume(PathBuf);

impl Volume {
    fn new(name: &str) -> Self {
        let name = format!("secrets-toml-mount-{name}-{}", std::process::id());
        let volume = Self(std::env::temp_dir().join(name));
        let _ = fs::remove_dir_all(&volume.0);
        volume.swap("..1");
        symlink("..data/db", volume.0.join("db")).unwrap();
        volume
    }

    fn swap(&self, generation: &str) {
        fs::create_dir_all(self.0.join(generation).join("db")).unwrap();
        fs::write(self.0.join(generation).join("db/user"), generation).unwrap();
        symlink(generation, self.0.join("..next")).unwrap();
        fs::rename(self.0.join("..next"), self.0.join(DATA)).unwrap();
    }

    fn open(&self) -> Mount<'static> {
        Mount::open(&self.0).unwrap_or_else(|_| panic!("it exists"))
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn names(mount: &Mount<'_>) -> Result<Vec<OsString>, Stop> {
    let entries = mount.entries(&mut 1000)?;
    Ok(entries.into_iter().map(|(name, _)| name).collect())
}

#[track_caller]
fn assert_again<T>(result: Result<T, Stop>, path: &Path) {
    match result {
        Err(Stop::Again(error)) => {
            let message = "was replaced 10 times while it was read (read it again later)";
            assert_eq!(error.to_string(), format!("{}: {message}", path.display()));
        }
        Err(Stop::Fail(error)) => panic!("{error}"),
        Ok(_) => panic!("it was read"),
    }
}

#[test]
fn a_listing_of_a_replaced_generation_is_not_used() {
    let volume = Volume::new("listing");
    let mount = volume.open();
    assert!(matches!(names(&mount).as_deref(), Ok([name]) if name == "db"));
    volume.swap("..2");
    assert_again(names(&mount), &volume.0);
    // Back to the same name, and another folder.
    fs::remove_dir_all(volume.0.join("..1")).unwrap();
    volume.swap("..1");
    assert_again(names(&mount), &volume.0);
}

#[test]
fn an_opened_generation_is_read_whole_and_a_removed_one_again() {
    let volume = Volume::new("removed");
    let (outer, name) = (volume.open(), OsStr::new("db"));
    let Ok(Some(at)) = outer.locate(name) else { panic!("it exists") };
    let Ok(Some(inner)) = outer.enter(name, &at) else { panic!("it exists") };
    volume.swap("..second");
    // The folder that was listed before is still that of the first generation, and so are its files.
    let Ok(Some(later)) = outer.enter(name, &at) else { panic!("it exists") };
    // The listing in the folder is not used, either.
    assert_again(names(&inner), inner.path());
    let (user, at) = (OsStr::new("user"), At::Folder("user".into()));
    for mount in [&inner, &later] {
        assert!(matches!(mount.file(user, &at), Ok(Some(Opened::File(_, 3)))));
    }
    fs::remove_dir_all(volume.0.join("..1")).unwrap();
    assert_again(inner.file(user, &at), inner.path());
    let at = At::Generation("db".into());
    assert_again(outer.enter(name, &at), &volume.0);
}

#[test]
fn a_link_that_goes_after_it_was_listed_is_absent() {
    let volume = Volume::new("links");
    let old = ["a", "b", "c"].map(OsString::from);
    for name in &old {
        symlink(Path::new(DATA).join(name), volume.0.join(name)).unwrap();
    }
    let mount = volume.open();
    let listed = mount.names(&mount.folder, &mut 1000).unwrap_or_else(|_| panic!("it exists"));
    assert_eq!(listed.len(), 4);
    for name in &old {
        fs::remove_file(volume.0.join(name)).unwrap();
    }
    // The generation has one of the names, and the link to it comes later.
    fs::write(volume.0.join("..1/b"), "1").unwrap();
    let Ok(entries) = mount.located(listed, &mut 1000) else { panic!("the mount was read") };
    let names: Vec<_> = entries.iter().map(|(name, _)| name.to_str().unwrap()).collect();
    assert_eq!(names, ["b", "db"]);
    for (name, at) in &entries {
        assert!(matches!(mount.file(name, at), Ok(Some(_))));
    }
}

#[test]
fn attempts_end() {
    let mut runs = 0;
    let mut again = |least| {
        attempts(|| {
            runs += 1;
            let error = || FilesError::new("x", Problem::Swapped);
            if runs < least { Err(Stop::Again(error())) } else { Ok(runs) }
        })
    };
    assert_eq!(again(10).unwrap(), 10);
    assert_eq!(again(100).unwrap_err().path(), Some(Path::new("x")));
    assert_eq!(runs, 20);
}

#[test]
fn links_through_data() {
    for (target, rest) in [
        ("..data/user", Some("user")),
        ("..data/db/user", Some("db/user")),
        ("..data", None),
        ("..data/", None),
        ("..data/../x", None),
        ("..data/db/../../x", None),
        ("./..data/user", None),
        ("/..data/user", None),
        ("..data2/user", None),
        ("../..data/user", None),
    ] {
        assert_eq!(through_data(Path::new(target)), rest.map(Path::new), "{target}");
    }
}
