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

/// Declares an enum whose values are AWS's names, each spelled here and nowhere else: with the value, where it is
/// not the value's own.
macro_rules! aws_names {
    (
        $(#[$of_type:meta])*
        $vis:vis enum $type:ident: $what:literal {
            $($(#[$of_value:meta])* $value:ident $(= $name:literal)?),+ $(,)?
        }
    ) => {
        $(#[$of_type])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "&'static str")]
        #[allow(missing_docs)] // each is the AWS name
        $vis enum $type {
            $($(#[$of_value])* $value),+
        }

        impl $type {
            /// Every one, in the order of declaration.
            pub const ALL: &'static [$type] = &[$($type::$value),+];

            /// AWS's name.
            pub const fn name(self) -> &'static str {
                match self {
                    $($type::$value => aws_names!(@name $value $($name)?)),+
                }
            }
        }

        impl FromStr for $type {
            type Err = UnknownName;

            fn from_str(name: &str) -> Result<$type, UnknownName> {
                let known = $type::ALL.iter().copied().find(|x| x.name() == name);
                known.ok_or_else(|| UnknownName {
                    name: name.to_owned(),
                    what: $what,
                })
            }
        }

        impl TryFrom<String> for $type {
            type Error = UnknownName;

            fn try_from(name: String) -> Result<$type, UnknownName> {
                name.parse()
            }
        }

        impl From<$type> for &'static str {
            fn from(x: $type) -> &'static str {
                x.name()
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.name())
            }
        }
    };
    (@name $value:ident) => {
        stringify!($value)
    };
    (@name $value:ident $name:literal) => {
        $name
    };
}

aws_names! {
    /// An operation of the KMS API: the cryptographic ones first, then those with a quota of their own.
    pub enum KmsOperation: "KMS operation" {
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
}

impl KmsOperation {
    /// Whether it makes a data key pair: quota and price are those of the pair's kind, and its KMS key is symmetric.
    pub const fn makes_key_pair(self) -> bool {
        use KmsOperation as K;
        matches!(
            self,
            K::GenerateDataKeyPair | K::GenerateDataKeyPairWithoutPlaintext
        )
    }

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

    /// Whether it takes an encryption context: encryption under symmetric keys.
    pub const fn has_encryption_context(self) -> bool {
        matches!(
            self,
            KmsOperation::Encrypt
                | KmsOperation::Decrypt
                | KmsOperation::ReEncrypt
                | KmsOperation::GenerateDataKey
                | KmsOperation::GenerateDataKeyWithoutPlaintext
                | KmsOperation::GenerateDataKeyPair
                | KmsOperation::GenerateDataKeyPairWithoutPlaintext
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

aws_names! {
    /// The kind of a KMS key, or of the data key pair that GenerateDataKeyPair makes.
    #[derive(Default)]
    pub enum KeySpec: "KMS key spec" {
        #[default]
        SymmetricDefault = "SYMMETRIC_DEFAULT",
        Hmac224 = "HMAC_224",
        Hmac256 = "HMAC_256",
        Hmac384 = "HMAC_384",
        Hmac512 = "HMAC_512",
        Rsa2048 = "RSA_2048",
        Rsa3072 = "RSA_3072",
        Rsa4096 = "RSA_4096",
        EccNistP256 = "ECC_NIST_P256",
        EccNistP384 = "ECC_NIST_P384",
        EccNistP521 = "ECC_NIST_P521",
        EccSecgP256k1 = "ECC_SECG_P256K1",
        EccNistEdwards25519 = "ECC_NIST_EDWARDS25519",
        MlDsa44 = "ML_DSA_44",
        MlDsa65 = "ML_DSA_65",
        MlDsa87 = "ML_DSA_87",
        Sm2 = "SM2",
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
