//! Devices of other machines, through Burn's remote backend over WebSocket.

use std::net::{SocketAddr, TcpListener};

use burn::remote::{ConnectError, RemoteHost};
use burn::server::{RemoteServer, TokenAuthorizer, WebSocketTransport};
use burn::tensor::Device;

use super::DeviceError;

/// The variable with the token that remote devices ask for.
pub const TOKEN_VARIABLE: &str = "TINDERBOX_DEVICE_TOKEN";

/// The variable with the path of the file that the token is in.
pub const TOKEN_FILE_VARIABLE: &str = "TINDERBOX_DEVICE_TOKEN_FILE";

/// The token for remote devices: that of the variable `TINDERBOX_DEVICE_TOKEN`, else the contents of the file
/// that `TINDERBOX_DEVICE_TOKEN_FILE` names, without white space around it. `None` without either variable.
///
/// There is no option for it: other users of a machine can read command lines.
///
/// # Errors
/// A file that cannot be read, or that is empty.
pub fn device_token() -> Result<Option<String>, DeviceError> {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    if let Some(token) = variable(TOKEN_VARIABLE) {
        return Ok(Some(token));
    }
    let Some(file) = variable(TOKEN_FILE_VARIABLE) else {
        return Ok(None);
    };
    let wrong = |reason: String| DeviceError::Token {
        file: file.clone().into(),
        reason,
    };
    let text = std::fs::read_to_string(&file).map_err(|error| wrong(error.to_string()))?;
    match text.trim() {
        "" => Err(wrong("it is empty".into())),
        token => Ok(Some(token.into())),
    }
}

/// Connects to a device that [`DeviceServer`] offers.
pub(super) fn connect(address: &str) -> Result<Device, DeviceError> {
    let mut host = RemoteHost::websocket(address);
    if let Some(token) = device_token()? {
        host = host.with_credential(token);
    }
    let device = Device::remote_options(&host).init();
    device.map_err(|error| DeviceError::Remote {
        address: address.into(),
        reason: match error {
            ConnectError::Unauthorized => format!(
                "it refuses the token; {TOKEN_VARIABLE}, or the file that {TOKEN_FILE_VARIABLE} names, must have \
                 the token of its server"
            ),
            error => error.to_string(),
        },
    })
}

/// Offers a device of this machine to programs on others, which name it `--device ws://ADDRESS:PORT`.
///
/// Nothing that is sent is encrypted, not even the token: between machines use a tunnel (ssh, WireGuard) or a
/// network that you trust. Who has the token can compute on the device and use its memory; there is no limit
/// to either.
#[derive(Debug)]
pub struct DeviceServer {
    device: Device,
    listener: TcpListener,
    address: SocketAddr,
    token: Option<String>,
}

impl DeviceServer {
    /// Listens on this address; port 0 stands for any free one. On a loopback address (127.0.0.1) the token may
    /// be left out: then every user of this machine can use the device.
    ///
    /// # Errors
    /// No token on another address; an address that cannot be listened on.
    pub fn bind(
        device: Device,
        address: SocketAddr,
        token: Option<String>,
    ) -> Result<Self, DeviceError> {
        let token = token.filter(|token| !token.is_empty());
        if token.is_none() && !address.ip().is_loopback() {
            return Err(DeviceError::NoToken { address });
        }
        let wrong = |error: std::io::Error| DeviceError::Remote {
            address: address.to_string(),
            reason: error.to_string(),
        };
        let listener = TcpListener::bind(address).map_err(wrong)?;
        let address = listener.local_addr().map_err(wrong)?;
        Ok(Self {
            device,
            listener,
            address,
            token,
        })
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until Ctrl-C or SIGTERM, and logs to the standard output as the variable `RUST_LOG` says.
    ///
    /// # Errors
    /// A device that cannot be offered, as one that is remote itself; a failure of the network.
    pub fn serve(self) -> Result<(), DeviceError> {
        let wrong = |reason: String| DeviceError::Remote {
            address: self.address.to_string(),
            reason,
        };
        let mut server = RemoteServer::new([self.device]);
        if let Some(token) = self.token {
            let token = TokenAuthorizer::new(token).map_err(|error| wrong(error.to_string()))?;
            server = server.with_authorizer(token);
        }
        let served = server.serve(WebSocketTransport::from_listener(self.listener));
        served.map_err(|error| wrong(error.to_string()))
    }
}
