//! Models by name, from a small server that answers as the hub of Hugging Face does.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use burn::tensor::Device;
use tinderbox::pretrained::{Hub, HubError};
use tinderbox::text::SentenceEncoder;

use super::fine_tuning::encoder;

const NAME: &str = "owner/small-bert";
const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// The files of a model, each with the digest that the server names.
type Files = BTreeMap<String, (Vec<u8>, String)>;

#[derive(Clone)]
struct Server {
    address: String,
    files: Arc<Mutex<Files>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn new(files: Files) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            address: format!("http://{}", listener.local_addr().unwrap()),
            files: Arc::new(Mutex::new(files)),
            asked: Arc::default(),
        };
        let own = server.clone();
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let own = own.clone();
                std::thread::spawn(move || own.serve(connection.unwrap()));
            }
        });
        server
    }

    fn hub(&self, cache: &Path) -> Hub {
        Hub::new(&self.address, cache)
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    fn serve(&self, mut connection: TcpStream) {
        let lines = BufReader::new(connection.try_clone().unwrap()).lines();
        let mut lines = lines
            .map_while(Result::ok)
            .take_while(|line| !line.is_empty());
        let Some(request) = lines.next() else { return };
        let range = lines
            .map(|line| line.to_ascii_lowercase())
            .find_map(|line| line.strip_prefix("range: bytes=").map(str::to_owned));
        let path = request.split(' ').nth(1).unwrap();
        self.asked.lock().unwrap().push(path.to_owned());
        let files = self.files.lock().unwrap();
        let resolved = format!("/{NAME}/resolve/main/");
        let (head, body) = if path.starts_with(&format!("/api/models/{NAME}/")) {
            let files: Vec<_> = files
                .keys()
                .map(|file| serde_json::json!({"rfilename": file}))
                .collect();
            let listed = serde_json::json!({"siblings": files, "sha": COMMIT});
            ("200 OK\r\n".to_owned(), listed.to_string().into_bytes())
        } else if let Some((bytes, digest)) = path
            .strip_prefix(&resolved)
            .and_then(|file| files.get(file))
        {
            let range = range.unwrap_or_else(|| "0-".into());
            let (first, last) = range.split_once('-').unwrap();
            let first: usize = first.parse().unwrap();
            let last = last.parse().map_or(bytes.len(), |last: usize| last + 1);
            let head = format!(
                "206 Partial Content\r\nETag: \"{digest}\"\r\nX-Repo-Commit: {COMMIT}\r\n\
                 Content-Range: bytes {first}-{}/{}\r\n",
                last - 1,
                bytes.len()
            );
            (head, bytes[first..last].to_vec())
        } else {
            ("404 Not Found\r\n".to_owned(), Vec::new())
        };
        let head = format!(
            "HTTP/1.1 {head}Content-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        let _ = connection.write_all(head.as_bytes());
        let _ = connection.write_all(&body);
    }
}

fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The digest of git for small files, SHA-256 for weights.
fn digest(name: &str, bytes: &[u8]) -> String {
    if name.ends_with(".safetensors") {
        use sha2::Digest;
        return hex(sha2::Sha256::digest(bytes));
    }
    use sha1::Digest;
    let whole = [format!("blob {}\0", bytes.len()).as_bytes(), bytes].concat();
    hex(sha1::Sha1::digest(whole))
}

fn files(folder: &Path) -> Files {
    let names = ["config.json", "model.safetensors", "tokenizer.json"];
    let read = |name: &str| {
        let bytes = fs::read(folder.join(name)).unwrap();
        let digest = digest(name, &bytes);
        (name.to_owned(), (bytes, digest))
    };
    names.into_iter().map(read).collect()
}

#[test]
fn a_name_is_downloaded_once_and_opened_like_a_folder() {
    let (folder, cache) = (encoder(0), tempfile::tempdir().unwrap());
    let server = Server::new(files(folder.path()));
    let found = server.hub(cache.path()).folder(NAME).unwrap();
    assert!(found.starts_with(cache.path()) && found.ends_with(COMMIT));
    for name in ["config.json", "model.safetensors", "tokenizer.json"] {
        assert_eq!(
            fs::read(found.join(name)).unwrap(),
            fs::read(folder.path().join(name)).unwrap()
        );
    }
    let encode = |folder: &Path| {
        let encoder = SentenceEncoder::open(folder, &Device::flex()).unwrap();
        encoder.encode(&["good film"]).unwrap().vectors.into_data()
    };
    assert_eq!(encode(&found), encode(folder.path()));
    // The second time without the server, and without another one.
    let asked = server.asked();
    assert_eq!(server.hub(cache.path()).folder(NAME).unwrap(), found);
    assert_eq!(server.asked(), asked);
    let nowhere = Hub::new("http://127.0.0.1:9", cache.path());
    assert_eq!(nowhere.folder(NAME).unwrap(), found);
}

#[test]
fn weights_in_parts_are_downloaded_whole() {
    let cache = tempfile::tempdir().unwrap();
    let mut all = files(encoder(0).path());
    let (weights, _) = all.remove("model.safetensors").unwrap();
    let index = br#"{"weight_map": {"a": "part-1.safetensors", "b": "part-2.safetensors", "c": "part-1.safetensors"}}"#;
    for (name, bytes) in [
        ("model.safetensors.index.json", &index[..]),
        ("part-1.safetensors", &weights[..100]),
        ("part-2.safetensors", &weights[100..]),
    ] {
        all.insert(name.into(), (bytes.to_vec(), digest(name, bytes)));
    }
    let second = all.remove("part-2.safetensors").unwrap();
    let server = Server::new(all);
    let error = server
        .hub(cache.path())
        .folder(NAME)
        .unwrap_err()
        .to_string();
    assert!(error.contains("has no file part-2.safetensors"), "{error}");
    server
        .files
        .lock()
        .unwrap()
        .insert("part-2.safetensors".into(), second);
    let found = server.hub(cache.path()).folder(NAME).unwrap();
    let parts = ["part-1.safetensors", "part-2.safetensors"]
        .map(|part| fs::read(found.join(part)).unwrap());
    assert_eq!(parts.concat(), weights);
}

#[test]
fn what_cannot_be_downloaded_says_what_to_do() {
    let cache = tempfile::tempdir().unwrap();
    let server = Server::new(files(encoder(0).path()));
    let error = |name: &str| server.hub(cache.path()).folder(name).unwrap_err();
    let unknown = error("owner/smal-bert");
    assert!(matches!(unknown, HubError::Unknown { .. }), "{unknown}");
    assert!(unknown.to_string().contains("HF_TOKEN"), "{unknown}");
    for text in [
        "../up",
        "a/b/c",
        "",
        "C:\\models",
        "owner/..",
        "/root/model",
    ] {
        assert!(matches!(error(text), HubError::Name { .. }), "{text}");
    }
    let network = Hub::new("http://127.0.0.1:9", cache.path()).folder(NAME);
    let network = network.unwrap_err().to_string();
    assert!(
        network.contains("check the network") && network.contains("127.0.0.1:9"),
        "{network}"
    );

    // A file that is not what the server says is not kept.
    let change = |change: &dyn Fn(&mut Files)| change(&mut server.files.lock().unwrap());
    change(&|files| files.get_mut("model.safetensors").unwrap().0[500] ^= 1);
    for _ in 0..2 {
        let damaged = error(NAME);
        assert!(matches!(damaged, HubError::Damaged { .. }), "{damaged}");
        assert!(
            damaged
                .to_string()
                .contains("model.safetensors: its digest is"),
            "{damaged}"
        );
    }
    change(&|files| files.get_mut("model.safetensors").unwrap().0[500] ^= 1);
    assert!(server.hub(cache.path()).folder(NAME).is_ok());
    for missing in ["tokenizer.json", "model.safetensors"] {
        let empty = tempfile::tempdir().unwrap();
        change(&|files| drop(files.remove(missing)));
        let without = server
            .hub(empty.path())
            .folder(NAME)
            .unwrap_err()
            .to_string();
        assert!(
            without.contains(&format!("has no file {missing}")),
            "{without}"
        );
        change(&|files| drop(files.insert(missing.into(), (Vec::new(), String::new()))));
    }
}
