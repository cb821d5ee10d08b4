// Builds the bundles of Frappe's desk, and of other apps on the bench, from the apps' public folders.
//
//     node build.mjs BENCH APP…
//
// Every public/**/*.bundle.{js,ts,css,scss,sass} becomes sites/assets/APP/dist/{js,css}/NAME.HASH.EXT, styles once
// more mirrored in dist/css-rtl; assets.json and assets-rtl.json tell the framework the paths.
import fs from "node:fs";
import path from "node:path";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const esbuild = require("esbuild");
const vue = require("esbuild-plugin-vue3");
const sass = require("sass");
const postcss = require("postcss");
const autoprefixer = require("autoprefixer");
const rtlcss = require("rtlcss");

const [bench, ...apps] = process.argv.slice(2);
const sites = path.join(bench, "sites");
const modules = path.join(path.dirname(new URL(import.meta.url).pathname), "node_modules");
const appFolder = (app) => fs.realpathSync(path.join(bench, "apps", app));
const publicFolder = (app) => path.join(appFolder(app), app, "public");
const SCRIPT = /\.bundle\.(js|ts)$/;
const STYLE = /\.bundle\.(css|scss|sass)$/;
const FONTS_AND_IMAGES = [".woff", ".woff2", ".ttf", ".eot", ".svg", ".png", ".gif", ".jpg"];

/** Every file below a folder, without what other tools put there. */
function walk(folder) {
	return fs.readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
		const full = path.join(folder, entry.name);
		if (entry.isDirectory()) return ["node_modules", "dist"].includes(entry.name) ? [] : walk(full);
		return entry.isFile() ? [full] : [];
	});
}

/** Addresses that the browser asks the server for are left as they are. */
const assetsAreExternal = {
	name: "assets-are-external",
	setup(build) {
		build.onResolve({ filter: /^\/(assets|files)\// }, ({ path }) => ({ path, external: true }));
	},
};

/** An imported .html file registers itself as a client-side template. */
const templates = {
	name: "templates",
	setup(build) {
		build.onLoad({ filter: /\.html$/ }, async (args) => {
			const text = (await fs.promises.readFile(args.path, "utf8"))
				.replace(/<!--[\s\S]*?-->/g, "")
				.replace(/\s+/g, " ");
			const name = path.basename(args.path, ".html");
			return { contents: `frappe.templates[${JSON.stringify(name)}] = ${JSON.stringify(text)};`, loader: "js" };
		});
	},
};

/** Sass's `~package/file` lies in node_modules, `app/public/file` in the app. */
function importer(url) {
	if (url.startsWith("~")) return { file: path.join(modules, url.slice(1)) };
	const app = apps.find((app) => url.startsWith(`${app}/public/`));
	return app ? { file: path.join(appFolder(app), url) } : null;
}

/** .css, .scss and .sass through sass and autoprefixer. */
const styles = {
	name: "styles",
	setup(build) {
		build.onResolve({ filter: /^~/ }, ({ path: url }) => ({ path: require.resolve(url.slice(1)) }));
		build.onLoad({ filter: /\.(css|scss|sass)$/ }, async (args) => {
			const css = args.path.endsWith(".css")
				? await fs.promises.readFile(args.path, "utf8")
				: sass.renderSync({
						file: args.path,
						importer,
						includePaths: [modules, ...apps.map(appFolder)],
						quietDeps: true,
						logger: sass.Logger.silent,
				  }).css.toString();
			const { css: prefixed } = await postcss([autoprefixer]).process(css, { from: args.path });
			return { contents: prefixed, loader: "css", resolveDir: path.dirname(args.path) };
		});
	},
};

const common = (app) => ({
	bundle: true,
	metafile: true,
	minify: true,
	target: ["es2017"],
	entryNames: "[name].[hash]",
	assetNames: "[name].[hash]",
	nodePaths: [modules, ...apps.map(appFolder)],
	loader: Object.fromEntries(FONTS_AND_IMAGES.map((extension) => [extension, "file"])),
	logLevel: "error",
	logLimit: 5,
	absWorkingDir: appFolder(app),
});

/** Build an app's scripts; styles of Vue components travel inside the script that needs them. */
async function buildScripts(app, entryPoints, dist) {
	const built = await esbuild.build({
		...common(app),
		entryPoints,
		outdir: path.join(dist, "js"),
		publicPath: `/assets/${app}/dist/js`,
		define: {
			"process.env.NODE_ENV": '"production"',
			__VUE_OPTIONS_API__: "true",
			__VUE_PROD_DEVTOOLS__: "false",
		},
		plugins: [assetsAreExternal, templates, vue(), styles],
	});
	const outputs = Object.keys(built.metafile.outputs).map((file) => path.join(appFolder(app), file));
	for (const sheet of outputs.filter((file) => file.endsWith(".css"))) {
		const bundle = path.basename(sheet).split(".bundle.")[0] + ".bundle.";
		const script = outputs.find((file) => file.endsWith(".js") && path.basename(file).startsWith(bundle));
		const text = JSON.stringify(fs.readFileSync(sheet, "utf8"));
		const insert = `;(()=>{const s=document.createElement("style");s.textContent=${text};document.head.append(s)})();\n`;
		fs.appendFileSync(script, insert);
		fs.unlinkSync(sheet);
	}
	return built.metafile;
}

/** Build an app's style sheets, and their mirrored twins. */
async function buildStyles(app, entryPoints, dist) {
	const built = await esbuild.build({
		...common(app),
		entryPoints,
		outdir: path.join(dist, "css"),
		publicPath: `/assets/${app}/dist/css`,
		plugins: [assetsAreExternal, styles],
	});
	for (const file of Object.keys(built.metafile.outputs).filter((file) => file.endsWith(".css"))) {
		const source = path.join(appFolder(app), file);
		const mirrored = path.join(dist, "css-rtl", path.basename(source));
		fs.mkdirSync(path.dirname(mirrored), { recursive: true });
		fs.writeFileSync(mirrored, rtlcss.process(fs.readFileSync(source, "utf8")));
	}
	return built.metafile;
}

/** The bundle's file name as the framework asks for it: styles by .css whatever they were written in. */
const askedName = (entry) => path.basename(entry).replace(/\.(scss|sass)$/, ".css").replace(/\.ts$/, ".js");

const assets = {};
const mirroredAssets = {};
for (const app of apps) {
	if (!fs.existsSync(publicFolder(app))) continue;
	const files = walk(publicFolder(app)).map((file) => fs.realpathSync(file));
	const scripts = files.filter((file) => SCRIPT.test(file));
	const sheets = files.filter((file) => STYLE.test(file));
	if (!scripts.length && !sheets.length) continue;
	const dist = path.join(fs.realpathSync(publicFolder(app)), "dist");
	fs.rmSync(dist, { recursive: true, force: true });
	const metafiles = [
		scripts.length && (await buildScripts(app, scripts, dist)),
		sheets.length && (await buildStyles(app, sheets, dist)),
	];
	for (const [output, { entryPoint }] of metafiles.flatMap((meta) => (meta ? Object.entries(meta.outputs) : []))) {
		const file = path.basename(output);
		if (!entryPoint || !/\.(js|css)$/.test(file)) continue;
		const kind = file.endsWith(".js") ? "js" : "css";
		if (kind === "css" && SCRIPT.test(entryPoint)) continue;
		assets[askedName(entryPoint)] = `/assets/${app}/dist/${kind}/${file}`;
		if (kind === "css") mirroredAssets[`rtl_${askedName(entryPoint)}`] = `/assets/${app}/dist/css-rtl/${file}`;
	}
	console.log(`${app}: ${scripts.length} scripts, ${sheets.length} style sheets`);
}
for (const [name, value] of [
	["assets.json", assets],
	["assets-rtl.json", mirroredAssets],
]) {
	const target = path.join(sites, "assets", name);
	fs.writeFileSync(`${target}.new`, JSON.stringify(value, null, 1));
	fs.renameSync(`${target}.new`, target);
}
