//! The client certificates that the configuration names, read from their files; what is wrong with one names its place.

use std::path::Path;

use crate::command::Failure;
use crate::config::{Certificate, Password};
use crate::proxy::ClientCertificate;

/// All of them, in order.
pub fn read(named: &[Certificate]) -> Result<Vec<ClientCertificate>, Failure> {
    named.iter().map(one).collect()
}

fn one(named: &Certificate) -> Result<ClientCertificate, Failure> {
    let file = bytes(&named.file)?;
    let key = named.key.as_deref().map(bytes).transpose()?;
    let password = password(&named.password)?;
    let now = time::OffsetDateTime::now_utc();
    ClientCertificate::read(named.hosts.clone(), &file, key.as_deref(), password.as_deref(), now)
        .map_err(|error| fault(&named.file, &error.to_string()))
}

fn password(from: &Password) -> Result<Option<String>, Failure> {
    match from {
        Password::None => Ok(None),
        Password::File(path) => {
            let text = String::from_utf8(bytes(path)?).map_err(|_| fault(path, "the password is not UTF-8"))?;
            Ok(Some(text.lines().next().unwrap_or_default().to_owned()))
        }
        Password::Variable(_, Some(value)) => Ok(Some(value.expose().clone())),
        Password::Variable(name, None) => {
            Err(Failure::Usage(format!("error: `password_env` names the variable {name}, which is not set")))
        }
    }
}

fn bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| fault(path, &error.to_string()))
}

fn fault(path: &Path, says: &str) -> Failure {
    Failure::Usage(format!("error: {}: {says}", path.display()))
}
