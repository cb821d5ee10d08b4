"""The words of the end user's pages, in English and French."""

TEXTS = {
	"en": {
		"choose_bank": "Choose your bank",
		"search": "Search",
		"country": "Country",
		"all_banks": "See all banks",
		"choose_branch": "Choose your branch",
		"sign_in": "Sign in to {bank}",
		"login": "Log-in",
		"password": "Password",
		"continue": "Continue",
		"quit": "Quit",
		"back": "Back",
		"refused": "Your credentials were refused. Please try again.",
		"otp_title": "Enter your code",
		"otp_text": "Your bank has sent you a code by text message.",
		"otp_label": "Code",
		"otp_wrong": "This code is not correct. Please try again.",
		"app_title": "Validate in your app",
		"app_text": "Open the app of your bank and approve the request. This page moves on by itself.",
		"again_title": "Confirm your access",
		"again_text": "{bank} asks you to confirm your identity to keep your accounts up to date.",
		"accounts_title": "Choose your accounts",
		"accounts_text": "Only the accounts that you choose are shared.",
		"accounts_none": "Please choose at least one account.",
		"accounts_most": "Please choose at most {most} accounts.",
		"pending_title": "Your accounts are on their way",
		"pending_text": "Your bank is sending your data. You may wait here or go on.",
		"leave": "Go on without waiting",
		"success_title": "All done",
		"success_text": "Your accounts are connected.",
		"error_title": "It did not work",
		"retry": "Try again",
		"finish": "Return",
		"pro_title": "Confirm your company",
		"pro_text": "These are business accounts. Confirm that you may share them.",
		"pro_label": "I am allowed to share the accounts of my company",
		"manage_title": "Your banks",
		"manage_empty": "No bank is connected yet.",
		"manage_add": "Add a bank",
		"manage_repair": "Update",
		"done": "Done",
		"gone_title": "This link has ended",
		"gone_text": "The link was used or is too old. Please ask for a new one.",
		"unknown_title": "Unknown link",
		"unknown_text": "This link does not exist.",
		"ended_title": "Thank you",
		"ended_text": "You may close this window.",
		"timeout": "The request was not approved in time.",
		"sandbox": "Sandbox: no real bank is involved. Any password works; the log-in chooses the scenario.",
		"scenarios": "Scenarios",
	},
	"fr": {
		"choose_bank": "Choisissez votre banque",
		"search": "Rechercher",
		"country": "Pays",
		"all_banks": "Voir toutes les banques",
		"choose_branch": "Choisissez votre caisse",
		"sign_in": "Connexion à {bank}",
		"login": "Identifiant",
		"password": "Mot de passe",
		"continue": "Continuer",
		"quit": "Quitter",
		"back": "Retour",
		"refused": "Vos identifiants ont été refusés. Veuillez réessayer.",
		"otp_title": "Saisissez votre code",
		"otp_text": "Votre banque vous a envoyé un code par SMS.",
		"otp_label": "Code",
		"otp_wrong": "Ce code n'est pas correct. Veuillez réessayer.",
		"app_title": "Validez dans votre application",
		"app_text": "Ouvrez l'application de votre banque et approuvez la demande. Cette page avance d'elle-même.",
		"again_title": "Confirmez votre accès",
		"again_text": "{bank} vous demande de confirmer votre identité pour garder vos comptes à jour.",
		"accounts_title": "Choisissez vos comptes",
		"accounts_text": "Seuls les comptes choisis sont partagés.",
		"accounts_none": "Veuillez choisir au moins un compte.",
		"accounts_most": "Veuillez choisir au plus {most} comptes.",
		"pending_title": "Vos comptes arrivent",
		"pending_text": "Votre banque envoie vos données. Vous pouvez attendre ici ou continuer.",
		"leave": "Continuer sans attendre",
		"success_title": "C'est terminé",
		"success_text": "Vos comptes sont connectés.",
		"error_title": "Cela n'a pas fonctionné",
		"retry": "Réessayer",
		"finish": "Retour",
		"pro_title": "Confirmez votre entreprise",
		"pro_text": "Ce sont des comptes professionnels. Confirmez que vous pouvez les partager.",
		"pro_label": "Je suis autorisé à partager les comptes de mon entreprise",
		"manage_title": "Vos banques",
		"manage_empty": "Aucune banque n'est encore connectée.",
		"manage_add": "Ajouter une banque",
		"manage_repair": "Mettre à jour",
		"done": "Terminer",
		"gone_title": "Ce lien n'est plus valable",
		"gone_text": "Le lien a été utilisé ou est trop ancien. Veuillez en demander un nouveau.",
		"unknown_title": "Lien inconnu",
		"unknown_text": "Ce lien n'existe pas.",
		"ended_title": "Merci",
		"ended_text": "Vous pouvez fermer cette fenêtre.",
		"timeout": "La demande n'a pas été approuvée à temps.",
		"sandbox": "Bac à sable : aucune vraie banque. Tout mot de passe convient ; l'identifiant choisit le scénario.",
		"scenarios": "Scénarios",
	},
}

STYLE = """
*{box-sizing:border-box}
body{margin:0;background:#f4f5f7;color:#1c2430;font:16px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:30rem;margin:2.5rem auto;background:#fff;border:1px solid #dfe3e8;border-radius:12px;padding:1.5rem}
header{display:flex;justify-content:space-between;align-items:center;gap:1rem;margin-bottom:1rem}
header form{margin:0}
h1{font-size:1.3rem;line-height:1.3;margin:0 0 .5rem}
p{margin:.25rem 0 1rem}
label{display:block;font-weight:600;margin:.75rem 0 .25rem}
input[type=text],input[type=password],input[type=search],select{width:100%;padding:.65rem;font:inherit;color:inherit;
background:#fff;border:1px solid #8d99a8;border-radius:8px}
button{font:inherit;padding:.65rem 1.1rem;border-radius:8px;border:1px solid #0b6e4f;background:#0b6e4f;color:#fff;cursor:pointer}
button:focus-visible,input:focus-visible,select:focus-visible,a:focus-visible{outline:3px solid #7cc4ff;outline-offset:2px}
button.quiet{background:none;color:#3c4858;border-color:transparent;padding:.4rem .6rem;text-decoration:underline}
.full{width:100%;margin-top:1.25rem}
.banks{list-style:none;padding:0;margin:1rem 0 0;display:grid;gap:.5rem}
.banks button{width:100%;text-align:start;display:flex;gap:.75rem;align-items:center;background:#fff;color:inherit;
border-color:#c9d1da}
.banks button:hover{background:#eef6f2}
.banks img{width:2rem;height:2rem;border-radius:6px;flex:none}
.accounts{border:0;padding:0;margin:0}
.accounts label{display:flex;gap:.75rem;align-items:flex-start;font-weight:400;border:1px solid #dfe3e8;border-radius:8px;
padding:.6rem .75rem;margin:.5rem 0}
.accounts input{margin-top:.35rem;flex:none}
.accounts span{min-width:0;overflow-wrap:anywhere}
.accounts small{display:block;color:#556070}
.notice{background:#fdecea;border:1px solid #f1aeb5;border-radius:8px;padding:.6rem .75rem}
.hint{color:#556070;font-size:.85rem;border-top:1px solid #e6e9ed;margin:1.5rem 0 0;padding-top:1rem}
.row{display:flex;gap:.5rem;justify-content:space-between;align-items:center;flex-wrap:wrap;margin:.5rem 0}
code{background:#eef0f3;border-radius:4px;padding:0 .25rem;overflow-wrap:anywhere}
@media (max-width:34rem){body{background:#fff}main{margin:0;border:0;border-radius:0;padding:1rem}}
"""
