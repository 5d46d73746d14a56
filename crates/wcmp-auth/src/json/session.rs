//! What is said about sessions (auth 6): refresh, revoke, introspect, devices,
//! and how a server refuses.

use alloc::string::String;

use super::{Json, JsonError, MAX_INTEGER, Members, Object};
use crate::call::Reason;
use crate::limits;
use crate::message::{Device, Devices, Introspect, Introspection, Refresh, Refreshed, Revoke};

impl Json for Refresh {
    fn from_json(text: &[u8]) -> Result<Refresh, JsonError> {
        let members = Members::read(text)?;
        let refresh = Refresh {
            rnonce: members.array("rnonce")?,
            scopes: members.text("scopes")?.into(),
            ttl: members.integer("ttl")?,
        };
        limits::scopes(&refresh.scopes)?;
        Ok(refresh)
    }

    fn to_json(&self) -> String {
        Object::new()
            .bytes("rnonce", &self.rnonce)
            .text("scopes", &self.scopes)
            .integer("ttl", self.ttl)
            .end()
    }
}

impl Json for Refreshed {
    fn from_json(text: &[u8]) -> Result<Refreshed, JsonError> {
        let members = Members::read(text)?;
        let refreshed = Refreshed {
            token: members.array("token")?,
            expires: members.integer("expires")?,
            scopes: members.text("scopes")?.into(),
        };
        limits::scopes(&refreshed.scopes)?;
        Ok(refreshed)
    }

    fn to_json(&self) -> String {
        Object::new()
            .bytes("token", &self.token)
            .integer("expires", self.expires)
            .text("scopes", &self.scopes)
            .end()
    }
}

impl Json for Revoke {
    fn from_json(text: &[u8]) -> Result<Revoke, JsonError> {
        let members = Members::read(text)?;
        if members.has("all") && members.boolean("all")? {
            // Whoever says both means one of two things.
            return match members.has("token") {
                true => Err(JsonError::Type("all")),
                false => Ok(Revoke::All),
            };
        }
        Ok(Revoke::Token(members.bytes("token")?))
    }

    fn to_json(&self) -> String {
        match self {
            Revoke::Token(token) => Object::new().bytes("token", token),
            Revoke::All => Object::new().boolean("all", true),
        }
        .end()
    }
}

impl Json for Introspect {
    fn from_json(text: &[u8]) -> Result<Introspect, JsonError> {
        let token = Members::read(text)?.bytes("token")?;
        Ok(Introspect { token })
    }

    fn to_json(&self) -> String {
        Object::new().bytes("token", &self.token).end()
    }
}

impl Json for Introspection {
    fn from_json(text: &[u8]) -> Result<Introspection, JsonError> {
        let members = Members::read(text)?;
        if !members.boolean("active")? {
            return Ok(Introspection::Inactive);
        }
        if members.text("token_type")? != "KNH1" {
            return Err(JsonError::Type("token_type"));
        }
        Ok(Introspection::Active {
            scope: members.text("scope")?.into(),
            username: members.text("username")?.into(),
            exp: members.integer("exp")?,
            iat: members.integer("iat")?,
        })
    }

    fn to_json(&self) -> String {
        match self {
            Introspection::Inactive => Object::new().boolean("active", false),
            Introspection::Active {
                scope,
                username,
                exp,
                iat,
            } => Object::new()
                .boolean("active", true)
                .text("scope", scope)
                .text("username", username)
                .integer("exp", *exp)
                .integer("iat", *iat)
                .text("token_type", "KNH1"),
        }
        .end()
    }
}

impl Json for Devices {
    fn from_json(text: &[u8]) -> Result<Devices, JsonError> {
        let members = Members::read(text)?;
        let device = |members: &Members| {
            Ok(Device {
                token: members.array("token")?,
                device: members.text("device")?.into(),
                scopes: members.text("scopes")?.into(),
                created: members.integer("created")?,
                seen: members.integer("seen")?,
                expires: members.integer("expires")?,
                current: members.boolean("current")?,
            })
        };
        let devices = members.objects("devices")?.into_iter().map(device);
        Ok(Devices {
            devices: devices.collect::<Result<_, JsonError>>()?,
        })
    }

    fn to_json(&self) -> String {
        let device = |device: &Device| {
            Object::new()
                .bytes("token", &device.token)
                .text("device", &device.device)
                .text("scopes", &device.scopes)
                .integer("created", device.created)
                .integer("seen", device.seen)
                .integer("expires", device.expires)
                .boolean("current", device.current)
                .end()
        };
        Object::new()
            .list("devices", self.devices.iter().map(device))
            .end()
    }
}

/// The body of every refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The code of auth 6.
    pub error: String,
    /// Why a call was refused although its MAC was right (auth 4).
    pub reason: Option<String>,
    /// The smallest counter that is good, with the reason `replayed`. Left out if
    /// it is no integer of JSON.
    pub next: Option<u64>,
}

impl Refusal {
    /// A refusal of this code, and no more said.
    #[must_use]
    pub fn new(error: &str) -> Refusal {
        Refusal {
            error: error.into(),
            reason: None,
            next: None,
        }
    }
}

/// Of a call whose MAC was right (auth 4). Of others, it is that of the code
/// alone.
///
/// ```
/// use wcmp_auth::call::Reason;
/// use wcmp_auth::json::{Json, Refusal};
/// let body = Refusal::from(Reason::Replayed { next: Some(5) }).to_json();
/// assert_eq!(body, r#"{"error":"invalid_signature","reason":"replayed","next":5}"#);
/// ```
impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Refusal {
        let next = match reason {
            Reason::Replayed { next } => next,
            _ => None,
        };
        Refusal {
            reason: Some(reason.code().into()),
            next,
            ..Refusal::new("invalid_signature")
        }
    }
}

impl Json for Refusal {
    fn from_json(text: &[u8]) -> Result<Refusal, JsonError> {
        let members = Members::read(text)?;
        let reason = members.has("reason").then(|| members.text("reason"));
        let next = members.has("next").then(|| members.integer("next"));
        Ok(Refusal {
            error: members.text("error")?.into(),
            reason: reason.transpose()?.map(String::from),
            next: next.transpose()?,
        })
    }

    fn to_json(&self) -> String {
        let mut object = Object::new().text("error", &self.error);
        if let Some(reason) = &self.reason {
            object = object.text("reason", reason);
        }
        if let Some(next) = self.next.filter(|&next| next <= MAX_INTEGER) {
            object = object.integer("next", next);
        }
        object.end()
    }
}
