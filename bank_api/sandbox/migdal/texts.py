"""The words of Migdal's pages, in Hebrew."""

TEXTS = {
	"brand": "קבוצת מגדל",
	"portal": "בנקאות פתוחה",
	"skip": "דילוג לתוכן",
	"steps": "שלבי התהליך",
	"step_login": "הזדהות",
	"step_otp": "קוד אימות",
	"step_choose": "בחירת הלוואות",
	"step_confirm": "אישור הלוואות",
	"step_end": "סיום",
	"login_title": "כניסה לאזור האישי",
	"login_text": "{client} מבקש/ת גישה למידע על ההלוואות שלך ב{company}. כדי להמשיך יש להזדהות.",
	"psu_id": "מספר תעודת זהות או דרכון",
	"continue": "המשך",
	"refuse": "סירוב וחזרה",
	"otp_title": "קוד אימות חד-פעמי",
	"otp_text": "שלחנו קוד בן 6 ספרות לטלפון הנייד שלך.",
	"otp_label": "הקוד שקיבלת",
	"otp_hint": "סביבת ניסוי: הקוד הוא {otp}",
	"choose_title": "אילו הלוואות לשתף?",
	"choose_text": "רק מידע על ההלוואות שיסומנו יועבר אל {client}.",
	"confirm_title": "אישור שיתוף מידע",
	"confirm_text": "{client} ביקש/ה מידע על ההלוואות הבאות:",
	"legend": "ההלוואות שלך",
	"balance": "יתרה",
	"rights": "המידע שיועבר: {rights}.",
	"right_accounts": "פרטי ההלוואה",
	"right_balances": "יתרות",
	"right_transactions": "תנועות",
	"often": "המידע יתעדכן עד {times} פעמים ביום, גם כשאינך מחובר/ת.",
	"once": "המידע יימסר פעם אחת בלבד.",
	"valid_until": "ההרשאה תקפה עד",
	"valid_hint": "ניתן לבחור כל תאריך עד {latest}. אפשר לבטל את ההרשאה בכל עת.",
	"valid_fixed": "ההרשאה תקפה עד {until}, כפי שקבע/ה החותם/ת הראשון/ה.",
	"approve": "אישור",
	"approved_title": "ההרשאה אושרה",
	"approved_text": "מעבירים אותך חזרה אל {client}.",
	"waiting_title": "החתימה נקלטה",
	"waiting_text": "נדרש אישור של חותם/ת נוסף/ת לפני שהמידע ישותף.",
	"refused_title": "הבקשה נדחתה",
	"refused_text": "לא יועבר מידע אל {client}.",
	"failed_title": "לא ניתן להשלים את התהליך",
	"failed_text": "לא יועבר מידע אל {client}.",
	"back": "חזרה אל {client}",
	"login_unknown": "לא מצאנו לקוח עם המספר הזה. יש לבדוק ולנסות שוב.",
	"login_other": "הבקשה נפתחה עבור לקוח אחר. יש להזדהות עם המספר שנמסר בבקשה.",
	"login_signed": "החתימה שלך כבר נקלטה. הבקשה ממתינה לחותם/ת נוסף/ת.",
	"otp_wrong": "הקוד שגוי. יש לנסות שוב.",
	"no_accounts": "אין לך הלוואות ב{company}.",
	"not_yours": "אחת ההלוואות שהתבקשו אינה רשומה על שמך.",
	"none_chosen": "יש לבחור לפחות הלוואה אחת.",
	"bad_date": "יש לבחור תאריך בין היום ל-{latest}.",
	"notice_used": "הקישור הזה כבר נוצל או שתוקפו פג. יש לבקש קישור חדש מנותן השירות.",
	"notice_unknown": "הקישור אינו מוכר.",
	"notice_other_browser": "התהליך נפתח בדפדפן אחר. יש להמשיך באותו דפדפן.",
	"notice_bad_client": "נותן השירות אינו מוכר לבקשה זו.",
	"notice_bad_redirect": "כתובת החזרה אינה תואמת לבקשה.",
	"notice_bad_scope": "ההרשאה המבוקשת אינה מוכרת.",
	"notice_not_started": "יש לפתוח תהליך אישור עבור החותם/ת לפני הכניסה.",
	"notice_title": "לא ניתן להמשיך",
	"sandbox": "סביבת ניסוי: אין כאן מידע אמיתי. לקוח לדוגמה: 999888777.",
}
STYLE = """
*{box-sizing:border-box}
:root{--ink:#14213d;--soft:#4f5d75;--line:#cfd6e1;--blue:#0a4da2;--page:#eef2f7}
body{margin:0;background:var(--page);color:var(--ink);font:17px/1.55 "Assistant","Heebo","Segoe UI",Arial,sans-serif}
.skip{position:absolute;inset-inline-start:-999rem;background:#fff;color:var(--blue);padding:.5rem 1rem}
.skip:focus{inset-inline-start:.5rem;top:.5rem;z-index:1}
header{background:var(--blue);color:#fff}
header div{max-width:44rem;margin:auto;padding:.9rem 1.5rem;display:flex;gap:.75rem;align-items:baseline;flex-wrap:wrap}
header strong{font-size:1.25rem}
.steps{list-style:none;display:flex;flex-wrap:wrap;gap:.4rem 1.25rem;max-width:44rem;margin:1.25rem auto 0;padding:0 1.5rem;
color:var(--soft);font-size:.9rem;counter-reset:step}
.steps li{counter-increment:step;padding-bottom:.2rem;border-bottom:3px solid transparent}
.steps li::before{content:counter(step) ". "}
.steps [aria-current]{color:var(--blue);font-weight:700;border-color:var(--blue)}
main{max-width:44rem;margin:1rem auto 2.5rem;background:#fff;border:1px solid var(--line);border-radius:14px;padding:1.75rem 2rem}
h1{font-size:1.5rem;line-height:1.3;margin:0 0 .5rem}
h1:focus{outline:none}
p{margin:.3rem 0 1rem}
label,legend{font-weight:600}
fieldset{border:0;margin:0;padding:0;min-width:0}
legend{padding:0;margin-bottom:.4rem}
input[type=text],input[type=date]{display:block;width:100%;max-width:20rem;margin-top:.35rem;padding:.7rem .8rem;font:inherit;
color:inherit;background:#fff;border:1px solid #75819a;border-radius:9px}
.number{direction:ltr;text-align:right;letter-spacing:.04em}
.loans{display:grid;gap:.6rem;grid-template-columns:repeat(auto-fill,minmax(min(100%,17rem),1fr));margin-bottom:1.25rem;
padding:0;list-style:none}
.loans>*{display:flex;gap:.75rem;align-items:flex-start;border:1px solid var(--line);border-radius:10px;padding:.75rem .9rem;
font-weight:400;min-width:0}
.loans label{cursor:pointer}
.loans label:focus-within,.loans label:has(input:checked){border-color:var(--blue);box-shadow:0 0 0 1px var(--blue)}
.loans input{width:1.15rem;height:1.15rem;margin:.3rem 0 0;flex:none;accent-color:var(--blue)}
.loans span{min-width:0;overflow-wrap:anywhere}
.loans b,.loans small{display:block}
.loans small,.hint{color:var(--soft);font-size:.88rem}
.actions{display:flex;gap:.75rem;flex-wrap:wrap;margin-top:1.5rem}
button,.button{font:inherit;font-weight:600;padding:.75rem 1.6rem;border-radius:10px;border:1px solid var(--blue);
background:var(--blue);color:#fff;cursor:pointer;text-decoration:none;display:inline-block;text-align:center}
button.quiet{background:#fff;color:var(--blue)}
:focus-visible{outline:3px solid #f5a300;outline-offset:2px}
.error{background:#fdecea;border:1px solid #d9534f;border-radius:10px;padding:.7rem .9rem}
footer{max-width:44rem;margin:0 auto 2rem;padding:0 1.5rem;color:var(--soft);font-size:.85rem}
bdi{unicode-bidi:isolate}
@media (max-width:36rem){body{background:#fff}main{margin:0;border:0;border-radius:0;padding:1rem}
.steps{margin-top:.75rem;padding:0 1rem;font-size:.82rem;gap:.3rem .9rem}header div,footer{padding-inline:1rem}
.actions>*{width:100%}input[type=text],input[type=date]{max-width:none}}
"""
