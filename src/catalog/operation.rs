//! The vocabulary of KMS calls: operations and kinds of key, by AWS's own names.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A name that is neither a KMS operation nor a key spec.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what} `{name}`")]
pub struct UnknownName {
    /// The name as written.
    pub name: String,
    /// `KMS operation` or `KMS key spec`.
    pub what: &'static str,
}

/// An operation of the KMS API: the cryptographic ones first, then those with a quota of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
#[allow(missing_docs)] // each is the AWS name
pub enum KmsOperation {
    Decrypt,
    Encrypt,
    GenerateDataKey,
    GenerateDataKeyWithoutPlaintext,
    GenerateDataKeyPair,
    GenerateDataKeyPairWithoutPlaintext,
    GenerateMac,
    VerifyMac,
    GenerateRandom,
    ReEncrypt,
    Sign,
    Verify,
    DeriveSharedSecret,
    CancelKeyDeletion,
    ConnectCustomKeyStore,
    CreateAlias,
    CreateCustomKeyStore,
    CreateGrant,
    CreateKey,
    DeleteAlias,
    DeleteCustomKeyStore,
    DeleteImportedKeyMaterial,
    DescribeCustomKeyStores,
    DescribeKey,
    DisableKey,
    DisableKeyRotation,
    DisconnectCustomKeyStore,
    EnableKey,
    EnableKeyRotation,
    GetKeyLastUsage,
    GetKeyPolicy,
    GetKeyRotationStatus,
    GetParametersForImport,
    GetPublicKey,
    ImportKeyMaterial,
    ListAliases,
    ListGrants,
    ListKeyPolicies,
    ListKeyRotations,
    ListKeys,
    ListResourceTags,
    ListRetirableGrants,
    PutKeyPolicy,
    ReplicateKey,
    RetireGrant,
    RevokeGrant,
    RotateKeyOnDemand,
    ScheduleKeyDeletion,
    TagResource,
    UntagResource,
    UpdateAlias,
    UpdateCustomKeyStore,
    UpdateKeyDescription,
    UpdatePrimaryRegion,
}

impl KmsOperation {
    /// Every one, in the order of declaration.
    pub const ALL: &'static [KmsOperation] = &[
        KmsOperation::Decrypt,
        KmsOperation::Encrypt,
        KmsOperation::GenerateDataKey,
        KmsOperation::GenerateDataKeyWithoutPlaintext,
        KmsOperation::GenerateDataKeyPair,
        KmsOperation::GenerateDataKeyPairWithoutPlaintext,
        KmsOperation::GenerateMac,
        KmsOperation::VerifyMac,
        KmsOperation::GenerateRandom,
        KmsOperation::ReEncrypt,
        KmsOperation::Sign,
        KmsOperation::Verify,
        KmsOperation::DeriveSharedSecret,
        KmsOperation::CancelKeyDeletion,
        KmsOperation::ConnectCustomKeyStore,
        KmsOperation::CreateAlias,
        KmsOperation::CreateCustomKeyStore,
        KmsOperation::CreateGrant,
        KmsOperation::CreateKey,
        KmsOperation::DeleteAlias,
        KmsOperation::DeleteCustomKeyStore,
        KmsOperation::DeleteImportedKeyMaterial,
        KmsOperation::DescribeCustomKeyStores,
        KmsOperation::DescribeKey,
        KmsOperation::DisableKey,
        KmsOperation::DisableKeyRotation,
        KmsOperation::DisconnectCustomKeyStore,
        KmsOperation::EnableKey,
        KmsOperation::EnableKeyRotation,
        KmsOperation::GetKeyLastUsage,
        KmsOperation::GetKeyPolicy,
        KmsOperation::GetKeyRotationStatus,
        KmsOperation::GetParametersForImport,
        KmsOperation::GetPublicKey,
        KmsOperation::ImportKeyMaterial,
        KmsOperation::ListAliases,
        KmsOperation::ListGrants,
        KmsOperation::ListKeyPolicies,
        KmsOperation::ListKeyRotations,
        KmsOperation::ListKeys,
        KmsOperation::ListResourceTags,
        KmsOperation::ListRetirableGrants,
        KmsOperation::PutKeyPolicy,
        KmsOperation::ReplicateKey,
        KmsOperation::RetireGrant,
        KmsOperation::RevokeGrant,
        KmsOperation::RotateKeyOnDemand,
        KmsOperation::ScheduleKeyDeletion,
        KmsOperation::TagResource,
        KmsOperation::UntagResource,
        KmsOperation::UpdateAlias,
        KmsOperation::UpdateCustomKeyStore,
        KmsOperation::UpdateKeyDescription,
        KmsOperation::UpdatePrimaryRegion,
    ];

    /// AWS's name.
    pub const fn name(self) -> &'static str {
        match self {
            KmsOperation::Decrypt => "Decrypt",
            KmsOperation::Encrypt => "Encrypt",
            KmsOperation::GenerateDataKey => "GenerateDataKey",
            KmsOperation::GenerateDataKeyWithoutPlaintext => "GenerateDataKeyWithoutPlaintext",
            KmsOperation::GenerateDataKeyPair => "GenerateDataKeyPair",
            KmsOperation::GenerateDataKeyPairWithoutPlaintext => {
                "GenerateDataKeyPairWithoutPlaintext"
            }
            KmsOperation::GenerateMac => "GenerateMac",
            KmsOperation::VerifyMac => "VerifyMac",
            KmsOperation::GenerateRandom => "GenerateRandom",
            KmsOperation::ReEncrypt => "ReEncrypt",
            KmsOperation::Sign => "Sign",
            KmsOperation::Verify => "Verify",
            KmsOperation::DeriveSharedSecret => "DeriveSharedSecret",
            KmsOperation::CancelKeyDeletion => "CancelKeyDeletion",
            KmsOperation::ConnectCustomKeyStore => "ConnectCustomKeyStore",
            KmsOperation::CreateAlias => "CreateAlias",
            KmsOperation::CreateCustomKeyStore => "CreateCustomKeyStore",
            KmsOperation::CreateGrant => "CreateGrant",
            KmsOperation::CreateKey => "CreateKey",
            KmsOperation::DeleteAlias => "DeleteAlias",
            KmsOperation::DeleteCustomKeyStore => "DeleteCustomKeyStore",
            KmsOperation::DeleteImportedKeyMaterial => "DeleteImportedKeyMaterial",
            KmsOperation::DescribeCustomKeyStores => "DescribeCustomKeyStores",
            KmsOperation::DescribeKey => "DescribeKey",
            KmsOperation::DisableKey => "DisableKey",
            KmsOperation::DisableKeyRotation => "DisableKeyRotation",
            KmsOperation::DisconnectCustomKeyStore => "DisconnectCustomKeyStore",
            KmsOperation::EnableKey => "EnableKey",
            KmsOperation::EnableKeyRotation => "EnableKeyRotation",
            KmsOperation::GetKeyLastUsage => "GetKeyLastUsage",
            KmsOperation::GetKeyPolicy => "GetKeyPolicy",
            KmsOperation::GetKeyRotationStatus => "GetKeyRotationStatus",
            KmsOperation::GetParametersForImport => "GetParametersForImport",
            KmsOperation::GetPublicKey => "GetPublicKey",
            KmsOperation::ImportKeyMaterial => "ImportKeyMaterial",
            KmsOperation::ListAliases => "ListAliases",
            KmsOperation::ListGrants => "ListGrants",
            KmsOperation::ListKeyPolicies => "ListKeyPolicies",
            KmsOperation::ListKeyRotations => "ListKeyRotations",
            KmsOperation::ListKeys => "ListKeys",
            KmsOperation::ListResourceTags => "ListResourceTags",
            KmsOperation::ListRetirableGrants => "ListRetirableGrants",
            KmsOperation::PutKeyPolicy => "PutKeyPolicy",
            KmsOperation::ReplicateKey => "ReplicateKey",
            KmsOperation::RetireGrant => "RetireGrant",
            KmsOperation::RevokeGrant => "RevokeGrant",
            KmsOperation::RotateKeyOnDemand => "RotateKeyOnDemand",
            KmsOperation::ScheduleKeyDeletion => "ScheduleKeyDeletion",
            KmsOperation::TagResource => "TagResource",
            KmsOperation::UntagResource => "UntagResource",
            KmsOperation::UpdateAlias => "UpdateAlias",
            KmsOperation::UpdateCustomKeyStore => "UpdateCustomKeyStore",
            KmsOperation::UpdateKeyDescription => "UpdateKeyDescription",
            KmsOperation::UpdatePrimaryRegion => "UpdatePrimaryRegion",
        }
    }
}

impl KmsOperation {
    /// Whether it is on a key.
    pub const fn is_on_key(self) -> bool {
        use KmsOperation as K;
        !matches!(
            self,
            K::GenerateRandom
                | K::CreateKey
                | K::ListKeys
                | K::ListAliases
                | K::ListRetirableGrants
                | K::CreateCustomKeyStore
                | K::ConnectCustomKeyStore
                | K::DeleteCustomKeyStore
                | K::DescribeCustomKeyStores
                | K::DisconnectCustomKeyStore
                | K::UpdateCustomKeyStore
        )
    }

    /// Whether CloudTrail logs it as a read event: cryptographic operations, Describe, Get and List
    /// (CloudTrail User Guide, logging management events).
    pub const fn is_read(self) -> bool {
        !matches!(
            self,
            KmsOperation::CancelKeyDeletion
                | KmsOperation::ConnectCustomKeyStore
                | KmsOperation::CreateAlias
                | KmsOperation::CreateCustomKeyStore
                | KmsOperation::CreateGrant
                | KmsOperation::CreateKey
                | KmsOperation::DeleteAlias
                | KmsOperation::DeleteCustomKeyStore
                | KmsOperation::DeleteImportedKeyMaterial
                | KmsOperation::DisableKey
                | KmsOperation::DisableKeyRotation
                | KmsOperation::DisconnectCustomKeyStore
                | KmsOperation::EnableKey
                | KmsOperation::EnableKeyRotation
                | KmsOperation::ImportKeyMaterial
                | KmsOperation::PutKeyPolicy
                | KmsOperation::ReplicateKey
                | KmsOperation::RetireGrant
                | KmsOperation::RevokeGrant
                | KmsOperation::RotateKeyOnDemand
                | KmsOperation::ScheduleKeyDeletion
                | KmsOperation::TagResource
                | KmsOperation::UntagResource
                | KmsOperation::UpdateAlias
                | KmsOperation::UpdateCustomKeyStore
                | KmsOperation::UpdateKeyDescription
                | KmsOperation::UpdatePrimaryRegion
        )
    }
}

impl FromStr for KmsOperation {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<KmsOperation, UnknownName> {
        let fault = || UnknownName {
            name: name.to_owned(),
            what: "KMS operation",
        };
        KmsOperation::ALL
            .iter()
            .copied()
            .find(|x| x.name() == name)
            .ok_or_else(fault)
    }
}

impl TryFrom<String> for KmsOperation {
    type Error = UnknownName;

    fn try_from(name: String) -> Result<KmsOperation, UnknownName> {
        name.parse()
    }
}

impl From<KmsOperation> for &'static str {
    fn from(x: KmsOperation) -> &'static str {
        x.name()
    }
}

impl fmt::Display for KmsOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The kind of a KMS key, or of the data key pair that GenerateDataKeyPair makes.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
#[serde(try_from = "String", into = "&'static str")]
#[allow(missing_docs)] // each is the AWS name
pub enum KeySpec {
    #[default]
    SymmetricDefault,
    Hmac224,
    Hmac256,
    Hmac384,
    Hmac512,
    Rsa2048,
    Rsa3072,
    Rsa4096,
    EccNistP256,
    EccNistP384,
    EccNistP521,
    EccSecgP256k1,
    EccNistEdwards25519,
    MlDsa44,
    MlDsa65,
    MlDsa87,
    Sm2,
}

impl KeySpec {
    /// Every one, in the order of declaration.
    pub const ALL: &'static [KeySpec] = &[
        KeySpec::SymmetricDefault,
        KeySpec::Hmac224,
        KeySpec::Hmac256,
        KeySpec::Hmac384,
        KeySpec::Hmac512,
        KeySpec::Rsa2048,
        KeySpec::Rsa3072,
        KeySpec::Rsa4096,
        KeySpec::EccNistP256,
        KeySpec::EccNistP384,
        KeySpec::EccNistP521,
        KeySpec::EccSecgP256k1,
        KeySpec::EccNistEdwards25519,
        KeySpec::MlDsa44,
        KeySpec::MlDsa65,
        KeySpec::MlDsa87,
        KeySpec::Sm2,
    ];

    /// AWS's name.
    pub const fn name(self) -> &'static str {
        match self {
            KeySpec::SymmetricDefault => "SYMMETRIC_DEFAULT",
            KeySpec::Hmac224 => "HMAC_224",
            KeySpec::Hmac256 => "HMAC_256",
            KeySpec::Hmac384 => "HMAC_384",
            KeySpec::Hmac512 => "HMAC_512",
            KeySpec::Rsa2048 => "RSA_2048",
            KeySpec::Rsa3072 => "RSA_3072",
            KeySpec::Rsa4096 => "RSA_4096",
            KeySpec::EccNistP256 => "ECC_NIST_P256",
            KeySpec::EccNistP384 => "ECC_NIST_P384",
            KeySpec::EccNistP521 => "ECC_NIST_P521",
            KeySpec::EccSecgP256k1 => "ECC_SECG_P256K1",
            KeySpec::EccNistEdwards25519 => "ECC_NIST_EDWARDS25519",
            KeySpec::MlDsa44 => "ML_DSA_44",
            KeySpec::MlDsa65 => "ML_DSA_65",
            KeySpec::MlDsa87 => "ML_DSA_87",
            KeySpec::Sm2 => "SM2",
        }
    }
}

impl FromStr for KeySpec {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<KeySpec, UnknownName> {
        let fault = || UnknownName {
            name: name.to_owned(),
            what: "KMS key spec",
        };
        KeySpec::ALL
            .iter()
            .copied()
            .find(|x| x.name() == name)
            .ok_or_else(fault)
    }
}

impl TryFrom<String> for KeySpec {
    type Error = UnknownName;

    fn try_from(name: String) -> Result<KeySpec, UnknownName> {
        name.parse()
    }
}

impl From<KeySpec> for &'static str {
    fn from(x: KeySpec) -> &'static str {
        x.name()
    }
}

impl fmt::Display for KeySpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for &op in KmsOperation::ALL {
            assert_eq!(op.name().parse(), Ok(op));
            assert_eq!(format!("{op:?}"), op.name());
        }
        for &spec in KeySpec::ALL {
            assert_eq!(spec.name().parse(), Ok(spec));
        }
        assert!("decrypt".parse::<KmsOperation>().is_err());
        assert!("RSA_1024".parse::<KeySpec>().is_err());
    }

    #[test]
    fn serde_uses_the_aws_names() {
        let json = serde_json::to_string(&KeySpec::EccSecgP256k1).unwrap();
        assert_eq!(json, "\"ECC_SECG_P256K1\"");
        assert_eq!(
            serde_json::from_str::<KeySpec>(&json).unwrap(),
            KeySpec::EccSecgP256k1
        );
        assert!(serde_json::from_str::<KmsOperation>("\"Decrpyt\"").is_err());
    }
}
