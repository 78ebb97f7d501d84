use super::*;

#[test]
fn a_failed_write_keeps_the_old_file_and_leaves_no_temporary_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/er/file.txt");
    write_atomic(&path, "old").unwrap();
    let error = write_atomic_with(&path, |file| {
        file.write_all(b"half of the new")?;
        Err(io::Error::from(io::ErrorKind::StorageFull))
    })
    .unwrap_err();
    assert!(error.to_string().contains("file.txt"), "{error}");
    assert!(error.to_string().contains("free some space"), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
    let left = std::fs::read_dir(path.parent().unwrap()).unwrap().count();
    assert_eq!(left, 1);
}

#[test]
fn a_folder_is_not_replaced_by_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let error = write_atomic(folder.path(), "new").unwrap_err();
    assert_eq!(error.source.kind(), io::ErrorKind::IsADirectory);
    assert!(folder.path().is_dir());
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
    use std::process::Command;

    use super::*;

    #[test]
    fn links_are_followed_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("deep")).unwrap();
        std::fs::write(at("deep/target"), "old").unwrap();
        symlink("deep/target", at("first")).unwrap();
        symlink(at("first"), at("second")).unwrap();
        symlink("made/later", at("dangling")).unwrap();
        symlink("round", at("round")).unwrap();

        assert_eq!(behind_links(at("second")).unwrap(), at("deep/target"));
        assert_eq!(behind_links(at("dangling")).unwrap(), at("made/later"));
        assert_eq!(behind_links(at("none")).unwrap(), at("none"));
        assert!(behind_links(at("round")).is_err());

        write_atomic(at("second"), "new").unwrap();
        write_atomic(at("dangling"), "new").unwrap();
        for name in ["first", "second", "dangling"] {
            assert!(at(name).is_symlink(), "{name}");
        }
        for name in ["deep/target", "made/later"] {
            assert_eq!(std::fs::read_to_string(at(name)).unwrap(), "new", "{name}");
        }
        assert_eq!(std::fs::read_dir(at("deep")).unwrap().count(), 1);
        assert!(write_atomic(at("round"), "new").is_err());
        assert!(at("round").is_symlink());
    }

    #[test]
    fn devices_and_pipes_are_written_to_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let link = folder.path().join("link");
        let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        symlink(&pipe, &link).unwrap();
        for path in [&pipe, &link] {
            let reader = std::thread::spawn({
                let pipe = pipe.clone();
                move || std::fs::read_to_string(pipe).unwrap()
            });
            write_atomic(path, "through").unwrap();
            assert_eq!(reader.join().unwrap(), "through");
        }
        let kind = std::fs::symlink_metadata(&pipe).unwrap().file_type();
        assert!(kind.is_fifo());

        write_atomic("/dev/null", "gone").unwrap();
        let kind = std::fs::symlink_metadata("/dev/null").unwrap().file_type();
        assert!(kind.is_char_device());
        let error = write_atomic("/dev/full", "x").unwrap_err().to_string();
        assert!(error.contains("free some space"), "{error}");
    }

    #[test]
    fn open_files_of_the_process_are_written_to() {
        use std::os::fd::AsRawFd;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("open");
        let file = std::fs::File::create(&path).unwrap();
        let name = format!("/dev/fd/{}", file.as_raw_fd());
        write_atomic(&name, "one").unwrap();
        write_atomic(&name, "two").unwrap();
        // The file itself, not a new one of the same name.
        assert_eq!(file.metadata().unwrap().len(), 6);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "onetwo");
        let output = |path: &str| matches!(Target::of(Path::new(path)), Ok(Target::Output));
        assert!(output("/dev/stdout") && output("/dev/fd/1"));
        assert!(!output("/dev/stderr") && !output("/dev/null"));
    }

    #[test]
    fn a_file_keeps_its_permissions() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("private");
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        write_atomic(&path, "old").unwrap();
        let ordinary = folder.path().join("ordinary");
        std::fs::write(&ordinary, "").unwrap();
        assert_eq!(mode(&path), mode(&ordinary));
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        write_atomic(&path, "new").unwrap();
        assert_eq!(mode(&path), 0o600);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
    }

    #[test]
    fn a_protected_file_is_an_error_that_says_where_to_write() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "old").unwrap();
        let set = |path: &Path, mode| {
            std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
        };
        // A protected file in an open folder, then an open file in a protected folder.
        for (file, parent) in [(0o444, 0o755), (0o644, 0o555)] {
            set(&path, file);
            set(folder.path(), parent);
            // The superuser may write everywhere.
            let allowed = match file {
                0o444 => OpenOptions::new().write(true).open(&path).is_ok(),
                _ => std::fs::File::create(folder.path().join("probe")).is_ok(),
            };
            match write_atomic(&path, "new") {
                Ok(()) => assert!(allowed),
                Err(error) => {
                    assert!(!allowed);
                    assert!(error.to_string().contains("may write to"), "{error}");
                    assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
                }
            }
            set(folder.path(), 0o755);
        }
    }
}
