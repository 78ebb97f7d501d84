//! A copy of the workspace that cargo builds as it is.

use std::fs;
use std::path::Path;

use anyhow::Result;

/// Copies the workspace to `to`. A file that is equal there already keeps its time, so that cargo does not build it
/// again.
pub fn copy_workspace(root: &Path, target: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(root)? {
        let path = entry?.path();
        let skipped = [".git", "target", "runs"];
        let name = path.file_name().unwrap_or_default();
        if skipped.iter().any(|skipped| name == *skipped) || path == target {
            continue;
        }
        copy_changed(&path, &to.join(name))?;
    }
    Ok(())
}

/// Makes `to` equal to `from`, a file or a folder.
fn copy_changed(from: &Path, to: &Path) -> Result<()> {
    if !from.is_dir() {
        let text = fs::read(from)?;
        if fs::read(to).ok().as_ref() != Some(&text) {
            tinderbox::write_atomic(to, text)?;
        }
        return Ok(());
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(to)? {
        let path = entry?.path();
        if !from.join(path.file_name().unwrap_or_default()).exists() {
            match path.is_dir() {
                true => fs::remove_dir_all(path)?,
                false => fs::remove_file(path)?,
            }
        }
    }
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copy_changed(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_keeps_equal_files_and_removes_others() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        let target = from.join("built");
        for (file, text) in [
            ("a/one.rs", "1"),
            ("b.rs", "2"),
            ("built/x", ""),
            (".git/y", ""),
        ] {
            tinderbox::write_atomic(from.join(file), text).unwrap();
        }
        copy_workspace(&from, &target, &to).unwrap();
        let modified = |file: &str| fs::metadata(to.join(file)).unwrap().modified().unwrap();
        let before = (modified("a/one.rs"), modified("b.rs"));
        assert!(!to.join("built").exists() && !to.join(".git").exists());
        std::thread::sleep(std::time::Duration::from_millis(20));
        fs::write(from.join("b.rs"), "3").unwrap();
        fs::write(to.join("a/old.rs"), "4").unwrap();
        copy_workspace(&from, &target, &to).unwrap();
        assert_eq!(modified("a/one.rs"), before.0);
        assert!(modified("b.rs") > before.1);
        assert_eq!(fs::read_to_string(to.join("b.rs")).unwrap(), "3");
        assert!(!to.join("a/old.rs").exists());
    }
}
