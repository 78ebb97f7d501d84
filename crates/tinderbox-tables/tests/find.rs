//! The files of a folder and of a pattern.

use std::path::Path;

#[test]
fn hidden_files_are_not_tables() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &[u8]| std::fs::write(folder.path().join(name), text).unwrap();
    write("a.csv", b"x,y\n1,2\n");
    write("b.csv", b"x,y\n3,4\n5,6\n");
    // Files that macOS and editors leave there.
    write("._a.csv", b"\0\x05\x16\x07\0\x02");
    write(".DS_Store", b"\0\0\0\x01Bud1");
    write(".~lock.a.csv#", b"someone");
    let height = |path: &Path| {
        tinderbox_tables::collect(&tinderbox_tables::read(path).unwrap())
            .unwrap()
            .height()
    };
    assert_eq!(height(folder.path()), 3);
    assert_eq!(height(&folder.path().join("*.csv")), 3);
    // Asked for by name, a hidden table is a table.
    write(".c.csv", b"x,y\n7,8\n");
    assert_eq!(height(&folder.path().join(".c.csv")), 1);
    assert_eq!(height(&folder.path().join(".c*")), 1);
}
