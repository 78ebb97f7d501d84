//! Fetching against a small server: resume, digests, mirrors, and what goes wrong.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tinderbox_data::{Catalog, Dataset, Fetcher};

/// The handler of a request: the path, the first requested byte, the connection.
type Answer = Box<dyn Fn(&str, u64, &mut TcpStream) -> std::io::Result<()> + Send>;

struct Server {
    address: String,
    requests: Arc<AtomicUsize>,
    ranges: Arc<Mutex<Vec<u64>>>,
}

impl Server {
    fn new(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(AtomicUsize::new(0));
        let ranges = Arc::new(Mutex::new(Vec::new()));
        let (count, seen) = (Arc::clone(&requests), Arc::clone(&ranges));
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let mut connection = connection.unwrap();
                let mut lines = BufReader::new(connection.try_clone().unwrap()).lines();
                let request = lines.next().unwrap().unwrap();
                let path = request.split(' ').nth(1).unwrap().to_owned();
                let mut from = 0;
                for line in lines
                    .map_while(Result::ok)
                    .take_while(|line| !line.is_empty())
                {
                    let line = line.to_ascii_lowercase();
                    if let Some(range) = line.strip_prefix("range: bytes=") {
                        from = range.trim_end_matches('-').parse().unwrap();
                    }
                }
                count.fetch_add(1, Ordering::SeqCst);
                seen.lock().unwrap().push(from);
                // A client that hangs up is part of some tests.
                let _ = answer(&path, from, &mut connection);
            }
        });
        Self {
            address,
            requests,
            ranges,
        }
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

fn body() -> Vec<u8> {
    (0..300_000u32)
        .flat_map(|i| (i.wrapping_mul(2_654_435_761) >> 16).to_le_bytes())
        .collect()
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn dataset(url: &str, digest: &str, bytes: usize) -> Dataset {
    let text = format!(
        "format = 1\n[[dataset]]\nname = \"set\"\ntitle = \"t\"\ntask = \"t\"\nlicense = \"l\"\nhomepage = \"h\"\n[[dataset.file]]\npath = \"file.bin\"\nbytes = {bytes}\nsha256 = \"{digest}\"\n{url}\n"
    );
    Catalog::from_toml(&text)
        .unwrap()
        .get("set")
        .unwrap()
        .clone()
}

fn official(server: &Server) -> Dataset {
    let body = body();
    dataset(
        &format!("url = \"{}/file.bin\"", server.address),
        &sha256(&body),
        body.len(),
    )
}

fn send(connection: &mut TcpStream, head: &str, body: &[u8]) -> std::io::Result<()> {
    connection.write_all(format!("HTTP/1.1 {head}\r\nConnection: close\r\n\r\n").as_bytes())?;
    connection.write_all(body)
}

fn whole(_: &str, from: u64, connection: &mut TcpStream) -> std::io::Result<()> {
    let body = body();
    let rest = &body[from as usize..];
    let head = match from {
        0 => format!("200 OK\r\nContent-Length: {}", body.len()),
        _ => format!(
            "206 Partial Content\r\nContent-Range: bytes {from}-{}/{}\r\nContent-Length: {}",
            body.len() - 1,
            body.len(),
            rest.len()
        ),
    };
    send(connection, &head, rest)
}

fn litter(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder.join("set")).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn a_file_arrives_once() {
    let server = Server::new(Box::new(whole));
    let cache = tempfile::tempdir().unwrap();
    let last = Arc::new(Mutex::new((0, 0)));
    let seen = Arc::clone(&last);
    let fetcher = Fetcher::new(cache.path()).on_progress(move |progress| {
        *seen.lock().unwrap() = (progress.received, progress.total);
    });
    let set = official(&server);
    assert_eq!(fetcher.present(&set), None);
    let folder = fetcher.fetch(&set).unwrap();
    assert_eq!(std::fs::read(folder.join("file.bin")).unwrap(), body());
    assert_eq!(*last.lock().unwrap(), (1_200_000, 1_200_000));
    assert_eq!(litter(cache.path()), ["file.bin"]);
    assert_eq!(fetcher.fetch(&set).unwrap(), folder);
    assert_eq!(
        server.requests(),
        1,
        "what is in place is not fetched again"
    );
    std::fs::write(folder.join("file.bin"), "damaged").unwrap();
    fetcher.fetch(&set).unwrap();
    assert_eq!(std::fs::read(folder.join("file.bin")).unwrap(), body());
}

#[cfg(unix)]
#[test]
fn a_link_is_followed_and_stays() {
    let server = Server::new(Box::new(whole));
    let cache = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::create_dir(cache.path().join("set")).unwrap();
    let link = cache.path().join("set/file.bin");
    for target in ["there.bin", "made/later.bin"] {
        let target = elsewhere.path().join(target);
        if target.ends_with("there.bin") {
            std::fs::write(&target, "damaged").unwrap();
        }
        let _ = std::fs::remove_file(&link);
        std::os::unix::fs::symlink(&target, &link).unwrap();
        Fetcher::new(cache.path())
            .fetch(&official(&server))
            .unwrap();
        assert!(link.is_symlink());
        assert_eq!(std::fs::read(target).unwrap(), body());
    }
    assert_eq!(litter(cache.path()), ["file.bin"]);
}

#[test]
fn a_cut_download_resumes_where_it_was() {
    let server = Server::new(Box::new(|_, from, connection| {
        let body = body();
        match from {
            // The length is announced, and half of it comes.
            0 => send(
                connection,
                "200 OK\r\nContent-Length: 1200000",
                &body[..600_000],
            ),
            _ => whole("", from, connection),
        }
    }));
    let cache = tempfile::tempdir().unwrap();
    Fetcher::new(cache.path())
        .fetch(&official(&server))
        .unwrap();
    assert_eq!(*server.ranges.lock().unwrap(), [0, 600_000]);
}

#[test]
fn a_later_attempt_resumes_too_unless_the_first_half_is_another_file() {
    let server = Server::new(Box::new(whole));
    let cache = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(cache.path().join("set")).unwrap();
    let part = cache.path().join("set/file.bin.part");
    std::fs::write(&part, &body()[..500_000]).unwrap();
    let set = official(&server);
    let folder = Fetcher::new(cache.path()).fetch(&set).unwrap();
    assert_eq!(*server.ranges.lock().unwrap(), [500_000]);
    std::fs::remove_file(folder.join("file.bin")).unwrap();
    std::fs::write(&part, vec![1; 500_000]).unwrap();
    Fetcher::new(cache.path()).fetch(&set).unwrap();
    assert_eq!(*server.ranges.lock().unwrap(), [500_000, 500_000, 0]);
    assert_eq!(std::fs::read(folder.join("file.bin")).unwrap(), body());
}

#[test]
fn a_server_without_ranges_or_lengths_is_enough() {
    let server = Server::new(Box::new(|_, _, connection| {
        send(connection, "200 OK", &body())
    }));
    let cache = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(cache.path().join("set")).unwrap();
    std::fs::write(cache.path().join("set/file.bin.part"), vec![1; 500_000]).unwrap();
    let folder = Fetcher::new(cache.path())
        .fetch(&official(&server))
        .unwrap();
    assert_eq!(std::fs::read(folder.join("file.bin")).unwrap(), body());
}

#[test]
fn a_redirect_is_followed() {
    let server = Server::new(Box::new(|path, from, connection| match path {
        "/file.bin" => send(
            connection,
            "302 Found\r\nLocation: /moved.bin\r\nContent-Length: 0",
            b"",
        ),
        _ => whole(path, from, connection),
    }));
    let cache = tempfile::tempdir().unwrap();
    Fetcher::new(cache.path())
        .fetch(&official(&server))
        .unwrap();
    assert_eq!(server.requests(), 2);
}

fn refused(server: &Server, set: &Dataset) -> String {
    let cache = tempfile::tempdir().unwrap();
    let error = Fetcher::new(cache.path())
        .fetch(set)
        .unwrap_err()
        .to_string();
    assert!(!cache.path().join("set/file.bin").exists());
    assert!(error.contains(&server.address), "{error}");
    error
}

#[test]
fn errors_of_the_server_are_reported() {
    let server = Server::new(Box::new(|_, _, connection| {
        send(connection, "404 Not Found\r\nContent-Length: 3", b"no.")
    }));
    assert!(refused(&server, &official(&server)).contains("status 404"));

    let server = Server::new(Box::new(whole));
    let wrong = dataset(
        &format!("url = \"{}/file.bin\"", server.address),
        &"0".repeat(64),
        1_200_000,
    );
    let error = refused(&server, &wrong);
    assert!(
        error.contains(&sha256(&body())) && error.contains("not kept"),
        "{error}"
    );
    let small = dataset(
        &format!("url = \"{}/file.bin\"", server.address),
        &"0".repeat(64),
        1000,
    );
    assert!(refused(&server, &small).contains("more than the 1000 bytes"));

    // Always cut at the same place: no progress, so no endless loop.
    let server = Server::new(Box::new(|_, from, connection| {
        let body = body();
        let end = (from as usize).max(1000);
        send(
            connection,
            "200 OK\r\nContent-Length: 1200000",
            &body[..end],
        )
    }));
    let error = refused(&server, &official(&server));
    assert!(error.contains("TINDERBOX_MIRROR"), "{error}");
    assert!(server.requests() <= 4);
}

#[test]
fn an_address_without_a_server_is_an_error() {
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let set = dataset(
        &format!("url = \"http://{closed}/file.bin\""),
        &"0".repeat(64),
        10,
    );
    let cache = tempfile::tempdir().unwrap();
    let error = Fetcher::new(cache.path())
        .fetch(&set)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("cannot download") && error.contains(&closed.to_string()),
        "{error}"
    );
}

#[test]
fn mirrors_are_tried_first() {
    let cache = tempfile::tempdir().unwrap();
    let mirror = tempfile::tempdir().unwrap();
    let set = dataset("", &sha256(b"right"), 5);
    let fetcher = Fetcher::new(cache.path()).mirror(mirror.path().to_str().unwrap());
    let error = fetcher.fetch(&set).unwrap_err().to_string();
    assert!(
        error.contains("no address") && error.contains("TINDERBOX_MIRROR"),
        "{error}"
    );
    std::fs::create_dir(mirror.path().join("set")).unwrap();
    std::fs::write(mirror.path().join("set/file.bin"), "wrong").unwrap();
    let error = fetcher.fetch(&set).unwrap_err().to_string();
    assert!(
        error.contains(mirror.path().to_str().unwrap()) && error.contains("SHA-256"),
        "{error}"
    );
    std::fs::write(mirror.path().join("set/file.bin"), "right").unwrap();
    assert_eq!(
        fetcher.fetch(&set).unwrap(),
        mirror.path().join("set"),
        "used where it is"
    );

    let server = Server::new(Box::new(|path, _, connection| match path {
        "/base/set/file.bin" => send(connection, "200 OK\r\nContent-Length: 5", b"right"),
        _ => send(connection, "404 Not Found\r\nContent-Length: 0", b""),
    }));
    let fetcher = Fetcher::new(cache.path()).mirror(format!("{}/base/", server.address));
    let folder = fetcher.fetch(&set).unwrap();
    assert_eq!(std::fs::read(folder.join("file.bin")).unwrap(), b"right");
}

/// A data set of a file that is packed on arrival.
fn packed(server: &Server) -> Dataset {
    let body = body();
    let text = format!(
        "format = 1\n[[dataset]]\nname = \"set\"\ntitle = \"t\"\ntask = \"t\"\nlicense = \"l\"\nhomepage = \"h\"\n[[dataset.file]]\npath = \"file.gz\"\nbytes = 1\nsha256 = \"{}\"\nraw_bytes = {}\nraw_sha256 = \"{}\"\nraw_url = \"{}/file\"\n",
        "0".repeat(64),
        body.len(),
        sha256(&body),
        server.address
    );
    let catalog = Catalog::from_toml(&text).unwrap();
    catalog.get("set").unwrap().clone()
}

fn unpacked(path: &Path) -> Vec<u8> {
    let mut unpacked = Vec::new();
    let packed = std::fs::File::open(path).unwrap();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(packed), &mut unpacked).unwrap();
    unpacked
}

#[test]
fn raw_bytes_are_packed_on_arrival() {
    let server = Server::new(Box::new(whole));
    let set = packed(&server);
    let cache = tempfile::tempdir().unwrap();
    let fetcher = Fetcher::new(cache.path());
    let folder = fetcher.fetch(&set).unwrap();
    assert_eq!(unpacked(&folder.join("file.gz")), body());
    assert_eq!(litter(cache.path()), ["file.gz"]);
    fetcher.fetch(&set).unwrap();
    assert_eq!(server.requests(), 1);
}

#[test]
fn many_may_fetch_one_packed_file_at_once() {
    let server = Server::new(Box::new(whole));
    let set = packed(&server);
    for _ in 0..5 {
        let cache = tempfile::tempdir().unwrap();
        let together = std::sync::Barrier::new(4);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    together.wait();
                    let folder = Fetcher::new(cache.path()).fetch(&set).unwrap();
                    assert_eq!(unpacked(&folder.join("file.gz")), body());
                });
            }
        });
        assert_eq!(litter(cache.path()), ["file.gz"]);
    }
}

#[test]
fn what_ships_needs_no_network() {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets");
    let cache = tempfile::tempdir().unwrap();
    let fetcher = Fetcher::new(cache.path().join("never made")).shipped(&shipped);
    for set in Catalog::builtin().datasets().iter().filter(|set| set.ships) {
        assert_eq!(fetcher.fetch(set).unwrap(), shipped.join(&set.name));
    }
    assert!(!cache.path().join("never made").exists());
}
