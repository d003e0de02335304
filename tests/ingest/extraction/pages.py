"""Pages made by hand whose features were computed by the study that the extractor comes from."""

from __future__ import annotations

PAGES: tuple[str, ...] = (
"""<!DOCTYPE html><html lang="en"><head><title>A page</title><meta charset="utf-8"><style>p { color: red }</style></head>
<body class="single postid-7"><header id="masthead"><nav class="main-nav"><ul><li class="menu-item"><a href="/">Home</a></li>
<li class="menu-item"><a href="/about">About us</a></li><li class="menu-item current"><a
href="/news">News</a></li></ul></nav></header>
<main role="main"><article class="post hentry"><h1 class="entry-title">The council votes, at last, on the bridge</h1>
<div class="entry-meta">By <a class="author" href="/a">A. Writer</a> on <time>12 May 2024</time></div>
<div class="entry-content"><p>The council has voted on the old bridge, and it was not close: 14 to 3. <b>Nobody</b> was
surprised,
but for those who had hoped that it would be kept as it is.</p><figure><img src="b.jpg" alt="x"><figcaption>The bridge
&mdash; in 1950</figcaption></figure>
<p>Work begins in <a href="/june">June</a>. It will cost $2,000,000 and take two years<br>if all goes well!</p>
<blockquote>"We are glad," said the mayor.</blockquote><h2>What comes next</h2><ul><li>plans are shown</li><li>plans are
changed</li></ul><pre>a < b | c > d</pre></div></article><aside class="sidebar widget"><h3>Related</h3><p><a href="/1">One
story</a></p>
<p><a href="/2">Another STORY</a></p></aside></main><footer class="site-footer">&copy; 2024 The Paper. <a
href="/p">Privacy</a></footer>
<script>document.write("<p>no</p>")</script></body></html>""",
"""<table class=list><tr><th>Name<th>Price<tr itemscope itemtype="https://schema.org/Product"><td><a href=1>Red
chair</a><td>$12.50
<tr><td><a href=2>Blue chair<a href=3> with arms</a><td>\u20ac99</table><div style="display: none">Not to be seen</div><div
hidden>nor this</div>
<p>A first paragraph<p>and a second, with <i>words in <div>a block inside</i> italics</div> that ends. <dl><dt>term<dd>what
it means: a
lot<dt>other<dd>less</dl><custom-part class="ProductCard">in an element of its
own</custom-part><select><option>1<option>2</select>
<label>Search <input name=q></label><button type=submit>Go</button><noscript>turn it on</noscript>last words""",
"""<body><div id="content"><h2>Liste der Einträge</h2><p>Die Straße ist für alle da, und nicht nur für einen.</p><ol>""" +
"".join(
    f'<li class="item row{i % 2}"><a href="/{i}" aria-label="Eintrag">Eintrag Nummer {i}</a> '
    f'<span class="date">0{i}.01.2024</span></li>' for i in range(1, 9)
) + """</ol><form action=x><fieldset><legend>Melden</legend>Name und Grund</fieldset></form><p>Été — c’est l’été… « oui
»</p></div></body>""",
)
